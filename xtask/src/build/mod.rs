//! Building the programs, and running what was built.

pub mod bench;
pub mod demo;
pub mod dist;
pub mod release;
pub mod rustc;
