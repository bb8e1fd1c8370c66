//! The imports between the files of a crate, read from the source, and the rules about them.

mod circles;
mod graph;
mod kernel_rooms;
mod modules;
mod paths;
mod resolve;
mod rules;
#[cfg(test)]
mod tests;

pub use circles::list as list_circles;
pub use graph::all as graphs;
pub use modules::{Tests, read as read_modules};
pub use resolve::{Target, resolve};
pub use rules::check;
