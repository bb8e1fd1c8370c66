//! The binary, end to end: real processes, real folders, real signals.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by breaking off")]

mod bench;
mod book;
mod commands;
mod disk;
mod encryption;
mod failover;
mod fd_limit;
mod fixtures;
mod folders;
mod import;
mod mail;
mod nodes;
mod program;
mod redis;
mod replay;
mod settings;
mod torture;
mod whole_year;
