//! The only broker clients: publishers take public events out, and what brings messages in.
//!
//! Nothing here knows the business: which event goes out in which words, and which message comes in
//! by which channel, the binary says.

pub mod inbox;
pub mod redis;
pub mod smtp;
