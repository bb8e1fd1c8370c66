//! The road every message takes in Earmark: bus, writer, log, views, readers.
//!
//! A service is a table ([`Service`]) of pure functions. The [`Bus`] brings each command to the one
//! writer of its partition, which decides a whole group, appends what happened as one record of the
//! log, syncs, and only then answers. Everything else reads the log.
//!
//! **Invariant:** nothing here knows what business it serves, speaks SQL or HTTP, or reads a clock
//! outside [`clock`].

mod bus;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod model;
mod ports;
mod table;
mod views;
mod write;

#[cfg(test)]
mod tests;

pub use bus::relay_registry::{RelayPhase, RelayStatus};
pub use bus::runtime;
pub use bus::sending::Bus;
pub use bus::status::PartitionStatus;
pub use bus::verify::{NotVerified, Verified};
pub use exchange::lease::Lease;
pub use exchange::relay::{Relay, RelayLimits};
pub use exchange::subscription::Subscription;
pub use model::aggregate::{Aggregate, Recorder};
pub use model::json_reply::{JsonReply, RefusedJson};
pub use model::kernel_event::Parked;
pub use model::limits::Limits;
pub use model::message::{
    Command, Event, Fact, Idempotency, Key, Message, Meta, PublicEvent, Query, Recorded, Reply,
    Wire,
};
pub use model::outcome::{Failure, NotDone};
pub use ports::clock::UnixMillis;
pub use ports::log::StoreError;
pub use ports::public_record::PublicRecord;
pub use ports::publisher::{Position, PublishError, Publisher, Publishing, Source};
pub use ports::stores::Stores;
pub use ports::{clock, failpoint, ids, log, rows};
pub use table::flow::{Edge, Flow};
pub use table::opening::Opening;
pub use table::procedure::ProcedureContext;
pub use table::service::Service;
pub use views::answer::DeferredAnswer;
pub use views::reading::{History, PastEvent, Reading};
pub use views::table::Table;
pub use views::view::View;
