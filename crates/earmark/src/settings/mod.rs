//! Settings: defaults, a file, the environment and flags in layers; one file a section.

mod environment;
mod file;
mod given;
mod layers;
mod mail;
mod names;
mod redis;
mod secret;
mod sections;
mod server;
mod stores;
#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "fuzzing"))]
pub use file::parse;
pub use given::Flags;
pub use layers::Layers;
pub use redis::Redis as RedisSettings;
pub use sections::Settings;
pub use server::Server;
