//! The message path of Earmark: bus, writer, log, views and readers.
//!
//! A service is a table ([`Service`]) of pure functions. The [`Bus`] sends each command to the
//! single writer of its partition. The writer decides a group of commands, appends their events as
//! one record of the log, syncs, and only then answers. Everything else reads the log.
//!
//! **Invariant:** no code here depends on the business domain, uses SQL or HTTP, or reads a system
//! clock outside [`clock`].

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
pub use exchange::effects::EffectWorker;
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
pub use model::operation::{ATTEMPT_WAIT_MS, DueOperation, backoff_ms};
pub use model::outcome::{Failure, NotDone};
pub use ports::adapter::{Adapter, CallFailed, Calling};
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
pub use views::audit::{Aggregates, Audit, AuditedEvent};
pub use views::reading::{History, PastEvent, Reading};
pub use views::table::Table;
pub use views::view::View;
pub use write::together::Together;
