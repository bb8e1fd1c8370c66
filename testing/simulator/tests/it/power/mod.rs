//! The allocation service on real SQLite files whose disk loses power, fails or is full.

mod commands;
mod disk_model;
mod failed_syncs;
mod full_disk;
mod power_cuts;
mod service;
