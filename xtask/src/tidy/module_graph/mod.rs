//! The imports between the files of a crate, read from the source, and the rules about them.

mod circles;
mod graph;
mod kernel_rooms;
mod modules;
mod paths;
mod resolve;
#[cfg(test)]
mod tests;

pub use circles::{check as check_circles, list as list_circles};
pub use kernel_rooms::check as check_kernel_rooms;
pub use modules::{Tests, read as read_modules};
pub use resolve::{Target, resolve};
