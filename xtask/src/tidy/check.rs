//! All rules over a whole tree.

use super::{
    File, Violation, decisions, doc_paths, kernel_words, layout, lines, manifests, module_files,
    module_graph, services,
};

/// All violations in a tree, sorted by path and line.
pub fn check(files: &[File]) -> Vec<Violation> {
    let rules = [
        decisions::check,
        doc_paths::check,
        kernel_words::check,
        layout::check,
        lines::check,
        manifests::check,
        module_files::check,
        module_graph::check,
        services::check,
    ];
    let mut violations: Vec<Violation> = rules.iter().flat_map(|rule| rule(files)).collect();
    violations.sort();
    violations
}
