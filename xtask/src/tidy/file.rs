//! A file of the tree: the input of every rule.

/// A file: its path from the root, with `/`, and its text.
#[derive(Clone, Debug)]
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// Rust that a person wrote. Generated files have `@generated` in their first line.
    pub fn is_our_rust(&self) -> bool {
        let first = self.text.lines().next().unwrap_or_default();
        self.path.ends_with(".rs") && !first.contains("@generated")
    }
}
