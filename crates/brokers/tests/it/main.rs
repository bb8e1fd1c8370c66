//! One suite for every publisher, with its real server. A new one is a file beside `redis.rs` that
//! makes it a [`subjects::Subject`], and a row in [`subjects::all`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by breaking off")]

#[path = "conformance/inbox.rs"]
mod inbox;
#[path = "conformance/publishing.rs"]
mod publishing;
#[path = "conformance/redis.rs"]
mod redis;
#[path = "conformance/subjects.rs"]
mod subjects;
#[path = "conformance/tally.rs"]
mod tally;
