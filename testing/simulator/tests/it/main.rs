//! Tests of the simulator itself, and of the stores under power cuts and failing disks.

#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

mod power;
mod simulation;
