//! The only broker clients: publishers send public events out, and consumers bring messages in.
//!
//! Nothing here knows the business: the binary configures which event is published in which form,
//! and which message arrives by which channel.

pub mod inbox;
pub mod redis;
pub mod smtp;
