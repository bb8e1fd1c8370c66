//! Redis: events out and messages in, over Pub/Sub and over Streams.

mod connection;
mod consume_channel;
mod consume_stream;
mod publish_channel;
mod publish_stream;

pub use connection::{BadAddress, Redis};
pub use consume_channel::ChannelConsumer;
pub use consume_stream::StreamConsumer;
pub use publish_channel::{ChannelPublisher, FlatJson};
pub use publish_stream::StreamPublisher;
