//! The road every message takes in Earmark: bus, writer, log, views, readers.
//!
//! A service is a table ([`Service`]) of pure functions. The [`Bus`] brings each command to the one
//! writer of its partition, which decides a whole group, appends what happened as one record of the
//! log, syncs, and only then answers. Everything else reads the log.
//!
//! **Invariant:** nothing here knows what business it serves, speaks SQL or HTTP, or reads a clock
//! outside [`clock`].

mod aggregate;
mod bus;
pub mod clock;
mod command_batch;
mod envelope;
pub mod failpoint;
mod feed;
mod flow;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod handler;
mod idempotency;
pub mod ids;
mod kernel_event;
mod kinds;
mod layer;
mod lease;
mod lineage;
pub mod log;
mod message;
mod park;
mod partition;
mod problem;
mod procedure;
mod projector;
mod publisher;
mod queue;
mod reading;
mod registration;
mod relay;
mod relay_registry;
pub mod rows;
pub mod runtime;
mod sending;
mod service;
mod snapshots;
mod status;
mod stream;
mod subscription;
mod table;
mod timer;
mod verify;
mod view;
mod writer;

#[cfg(test)]
mod tests;

pub use aggregate::{Aggregate, Recorder};
pub use bus::{Bus, Opening};
pub use clock::UnixMillis;
pub use feed::PublicRecord;
pub use flow::{Edge, Flow};
pub use handler::{JsonReply, RefusedJson};
pub use kernel_event::Parked;
pub use lease::Lease;
pub use log::StoreError;
pub use message::{
    Command, Event, Fact, Idempotency, Key, Message, Meta, PublicEvent, Query, Recorded, Reply,
    Wire,
};
pub use partition::{Limits, Stores};
pub use problem::{Failure, NotDone};
pub use procedure::ProcedureContext;
pub use publisher::{Position, PublishError, Publisher, Publishing, Source};
pub use reading::{History, PastEvent, Reading};
pub use registration::DeferredAnswer;
pub use relay::{Relay, RelayLimits};
pub use relay_registry::{RelayPhase, RelayStatus};
pub use service::Service;
pub use status::PartitionStatus;
pub use subscription::Subscription;
pub use table::Table;
pub use verify::{NotVerified, Verified};
pub use view::View;
