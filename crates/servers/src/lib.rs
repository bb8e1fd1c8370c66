//! Real servers for tests and benches: started on free ports in temporary folders, ended on drop.

pub mod clock;
pub mod process;
pub mod redis;
pub mod smtp;
