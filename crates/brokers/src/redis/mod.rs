//! Redis: events out and messages in, over Pub/Sub and over Streams.

mod channels;
mod connection;
mod group;
mod streams;
mod subscriber;

pub use channels::{Channels, FlatJson};
pub use connection::{BadAddress, Redis};
pub use group::Group;
pub use streams::Streams;
pub use subscriber::Subscriber;
