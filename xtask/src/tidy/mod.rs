//! `cargo xtask tidy`: rules of this project that no compiler or linter checks, over all tracked
//! text.
//!
//! The check itself is a pure function from texts to violations; only `task` reads files.

mod check;
mod decisions;
mod doc_paths;
mod file;
mod kernel_words;
mod layout;
mod lines;
mod manifests;
mod module_files;
mod module_graph;
mod services;
mod task;
#[cfg(test)]
mod tests;
mod violation;

pub use file::File;
pub use task::{run, tracked};
pub use violation::Violation;
