//! Rule `module-files`: a module with a folder is the folder's `mod.rs`, and that file is an index.

use super::{File, Violation};
use std::collections::BTreeSet;
use syn::visit::{self, Visit};
use syn::{ImplItemFn, ItemFn, TraitItemFn};

pub fn check(files: &[File]) -> Vec<Violation> {
    let rust = files.iter().filter(|file| is_checked(&file.path));
    let folders: BTreeSet<&str> =
        rust.clone().filter_map(|file| Some(file.path.rsplit_once('/')?.0)).collect();
    let mut violations = Vec::new();
    for file in rust {
        let folder = file.path.trim_end_matches(".rs");
        if folders.contains(folder) && !is_test_root(&file.path) {
            let to_do = format!("move it to {folder}/mod.rs, and its logic to a file of its own");
            violations.push(Violation::new(file, 1, "module-files", to_do));
        }
        if file.path.ends_with("/mod.rs")
            && let Some(line) = first_function(&file.text)
        {
            let to_do = "a mod.rs declares modules and re-exports: move functions to another file";
            violations.push(Violation::new(file, line, "module-files", to_do));
        }
    }
    violations
}

fn is_checked(path: &str) -> bool {
    let roots = ["crates/", "testing/", "xtask/", "benches/"];
    path.ends_with(".rs") && roots.iter().any(|root| path.starts_with(root))
}

/// The root of a program of tests, such as `tests/power.rs` beside `tests/power/`.
fn is_test_root(path: &str) -> bool {
    path.split('/').rev().nth(1) == Some("tests") && !path.contains("/src/")
}

/// The line of the first function with a body, in the order of the file.
fn first_function(text: &str) -> Option<usize> {
    let mut found = Functions(Vec::new());
    visit::visit_file(&mut found, &syn::parse_file(text).ok()?);
    found.0.into_iter().min()
}

/// The lines of functions that have a body.
struct Functions(Vec<usize>);

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.0.push(function.sig.ident.span().start().line);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.0.push(function.sig.ident.span().start().line);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if function.default.is_some() {
            self.0.push(function.sig.ident.span().start().line);
        }
    }
}
