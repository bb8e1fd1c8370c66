//! Tests of the service through its bus.
