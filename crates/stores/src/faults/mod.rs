//! A disk under the SQLite stores that records what happens on it and fails on request: for tests
//! only, behind the feature `faults`, which is never part of a release.
//!
//! It records writes, truncations, syncs, and created and deleted files, in order. From these a
//! test builds what a power cut would have left. A test puts the disk under a folder before it
//! opens a store there.

mod direct;
mod disk;
mod integrity;
mod mount;
mod step;
mod vfs;

pub(crate) use direct::{synced, synced_folder_of, wrote};
pub use disk::Disk;
pub use integrity::integrity;
pub use step::Step;
