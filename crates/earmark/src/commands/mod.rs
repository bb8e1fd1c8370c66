//! The commands of the program: one file a command.

pub mod allocate;
pub mod bench;
pub mod completions;
pub mod config;
pub mod db;
pub mod demo;
pub mod doctor;
pub mod flow;
pub mod import;
pub mod log;
pub mod messages;
pub mod outbox;
pub mod parked;
pub mod replay;
pub mod serve;
pub mod stock;
pub mod verify;
