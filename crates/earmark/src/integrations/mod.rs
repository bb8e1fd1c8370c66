//! Message brokers and mail: what is published, consumed and sent while a node runs.

mod mail;
mod probe;
mod redis;
mod running;
mod work;

pub use mail::{Waiting, discard, waiting};
pub use probe::{Probe, probe};
pub use running::Integrations;
