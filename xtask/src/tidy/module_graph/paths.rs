//! The paths that a module's code uses: in `use` items, types, expressions and macro calls.

use super::modules::{Tests, attributes, is_public};
use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{ImplItemFn, Item, ItemMod, ItemUse, Macro, Path, UseTree};

/// A path as it is written, and the line it starts on.
pub struct Used {
    pub path: Vec<String>,
    pub line: usize,
}

/// What is found in the items of one module, without its child modules.
pub struct Found {
    /// The name that each import brings in, and its path.
    pub imports: Vec<(String, Vec<String>)>,
    pub globs: Vec<Vec<String>>,
    pub used: Vec<Used>,
    is_index: bool,
    tests: Tests,
}

pub fn of(items: &[&Item], is_index: bool, tests: Tests) -> Found {
    let mut found =
        Found { imports: Vec::new(), globs: Vec::new(), used: Vec::new(), is_index, tests };
    for item in items {
        found.visit_item(item);
    }
    found
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item(&mut self, item: &'ast Item) {
        if self.tests.are_read(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if self.tests.are_read(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    /// A child module has its own list.
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_reexport = self.is_index && is_public(&item.vis);
        self.tree(&item.tree, &mut Vec::new(), is_reexport);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        // A single name is an import that is listed already, unless a re-export brings it in.
        if path.leading_colon.is_none() && (self.is_index || path.segments.len() > 1) {
            let names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.used.push(Used { path: names, line: path.span().start().line });
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }
}

impl Found {
    fn tree(&mut self, tree: &UseTree, before: &mut Vec<String>, is_reexport: bool) {
        let (ident, name) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before, is_reexport);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before, is_reexport);
                }
                return;
            }
            UseTree::Glob(_) => {
                self.globs.push(before.clone());
                return;
            }
            UseTree::Name(name) => (&name.ident, &name.ident),
            UseTree::Rename(rename) => (&rename.ident, &rename.rename),
        };
        let mut path = before.clone();
        let mut name = name.to_string();
        if ident != "self" {
            path.push(ident.to_string());
        } else if name == "self" {
            name = path.last().cloned().unwrap_or_default();
        }
        if !is_reexport {
            self.used.push(Used { path: path.clone(), line: ident.span().start().line });
        }
        self.imports.push((name, path));
    }

    /// Arguments of macros are not parsed: what looks like a path of two names or more is one.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let start = at;
            let mut path = Vec::new();
            while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
                path.push(ident.to_string());
                let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == ':');
                if !(is_colon(at + 1) && is_colon(at + 2)) {
                    break;
                }
                at += 3;
            }
            if path.len() > 1 {
                self.used.push(Used { path, line: tokens[start].span().start().line });
            }
            if let Some(TokenTree::Group(group)) = tokens.get(at) {
                self.tokens(group.stream());
            }
            at += 1;
        }
    }
}
