//! The rules about imports inside a crate, over one reading of the tree.

use super::{circles, graph, kernel_rooms};
use crate::tidy::{File, Violation};

pub fn check(files: &[File]) -> Vec<Violation> {
    let graphs = graph::all(files);
    let mut violations = circles::check(&graphs);
    violations.extend(kernel_rooms::check(&graphs));
    violations
}
