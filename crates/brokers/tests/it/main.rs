//! One suite for every publisher, with its real server. A new publisher needs a file beside
//! `redis.rs` that implements [`subjects::Subject`] for it, and a row in [`subjects::all`].

#![expect(clippy::unwrap_used, reason = "a test stops at the first error")]

mod inbox;
mod publishing;
mod redis;
mod subjects;
mod tally;
