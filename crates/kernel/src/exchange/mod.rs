//! What crosses the border of a service: feeds, relays, subscriptions, leases, parked messages.

pub(crate) mod feed;
pub(crate) mod lease;
pub(crate) mod park;
pub(crate) mod relay;
pub(crate) mod relay_positions;
pub(crate) mod subscription;
