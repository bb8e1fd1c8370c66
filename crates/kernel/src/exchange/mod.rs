//! Messages between services and external systems: feeds, relays, subscriptions, effects, parked
//! messages.

pub(crate) mod backoff;
pub(crate) mod effects;
pub(crate) mod feed;
pub(crate) mod in_flight;
pub(crate) mod lease;
pub(crate) mod park;
pub(crate) mod relay;
pub(crate) mod relay_positions;
pub(crate) mod subscription;
