//! The modules of one crate, read from its root file along the `mod` items.

use super::paths::{self, Used};
use crate::tidy::File;
use std::collections::BTreeMap;
use syn::{Attribute, Item, Meta, Visibility};

/// A module: a file, or a `mod name { … }` inside one.
pub struct Module {
    /// The index of its file in the list of all files.
    pub file: usize,
    pub parent: Option<usize>,
    /// A name may stand for several things: a module and a function may share one.
    pub names: BTreeMap<String, Vec<Named>>,
    /// The modules of its `use module::*`.
    pub globs: Vec<Vec<String>>,
    pub used: Vec<Used>,
}

/// What a name in a module stands for.
pub enum Named {
    /// Something that is defined in the module itself.
    Item,
    /// Another module, by its index.
    Module(usize),
    /// What an import path leads to.
    Import(Vec<String>),
}

/// Whether items that exist only in tests (`#[cfg(test)]`) are read, and their files with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tests {
    Read,
    LeftOut,
}

impl Tests {
    pub fn are_read(self, attributes: &[Attribute]) -> bool {
        self == Self::Read || !are_test_only(attributes)
    }
}

/// All modules of the crate whose root file is `root`, such as `crates/kernel/src/lib.rs`.
pub fn read(files: &[File], root: usize, tests: Tests) -> Vec<Module> {
    let mut reader = Reader { files, tests, modules: Vec::new() };
    let folder = files[root].path.rsplit_once('/').map_or("", |(folder, _)| folder);
    reader.file(root, None, folder);
    reader.modules
}

struct Reader<'a> {
    files: &'a [File],
    tests: Tests,
    modules: Vec<Module>,
}

impl Reader<'_> {
    /// Reads a file as a module; `folder` is where the files of its child modules are.
    /// A file that is not valid Rust has no items: the compiler reports it.
    fn file(&mut self, file: usize, parent: Option<usize>, folder: &str) -> usize {
        let items = syn::parse_file(&self.files[file].text).map_or(Vec::new(), |it| it.items);
        self.module(file, parent, folder, &items)
    }

    fn module(
        &mut self,
        file: usize,
        parent: Option<usize>,
        folder: &str,
        items: &[Item],
    ) -> usize {
        let own = self.modules.len();
        let is_index = is_index(&self.files[file].path);
        let items: Vec<&Item> =
            items.iter().filter(|item| self.tests.are_read(attributes(item))).collect();
        let found = paths::of(&items, is_index, self.tests);
        let mut names: BTreeMap<String, Vec<Named>> = BTreeMap::new();
        for (name, path) in found.imports {
            names.entry(name).or_default().push(Named::Import(path));
        }
        for name in items.iter().filter_map(|item| defined(item)) {
            names.entry(name).or_default().push(Named::Item);
        }
        self.modules.push(Module { file, parent, names, globs: found.globs, used: found.used });
        for item in items {
            let Item::Mod(child) = item else { continue };
            let name = child.ident.to_string();
            let below = format!("{folder}/{name}");
            let read = match &child.content {
                Some((_, items)) => Some(self.module(file, Some(own), &below, items)),
                None => self.locate(&below).map(|at| self.file(at, Some(own), &below)),
            };
            if let Some(read) = read {
                self.modules[own].names.entry(name).or_default().push(Named::Module(read));
            }
        }
        own
    }

    fn locate(&self, below: &str) -> Option<usize> {
        let (file, index) = (format!("{below}.rs"), format!("{below}/mod.rs"));
        self.files.iter().position(|one| one.path == file || one.path == index)
    }
}

/// An index declares modules and re-exports their items; its re-exports are not imports.
pub fn is_index(path: &str) -> bool {
    matches!(path.rsplit('/').next(), Some("mod.rs" | "lib.rs" | "main.rs"))
}

fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(it) => &it.ident,
        Item::Enum(it) => &it.ident,
        Item::Fn(it) => &it.sig.ident,
        Item::Macro(it) => it.ident.as_ref()?,
        Item::Static(it) => &it.ident,
        Item::Struct(it) => &it.ident,
        Item::Trait(it) => &it.ident,
        Item::TraitAlias(it) => &it.ident,
        Item::Type(it) => &it.ident,
        Item::Union(it) => &it.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// The attributes of an item, as far as it can be one that exists only in tests.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

fn are_test_only(attributes: &[Attribute]) -> bool {
    let mut conditions = attributes.iter().filter(|it| it.path().is_ident("cfg"));
    conditions.any(|it| it.parse_args::<Meta>().is_ok_and(|condition| needs_test(&condition)))
}

fn needs_test(condition: &Meta) -> bool {
    let Meta::List(list) = condition else { return condition.path().is_ident("test") };
    type Parts = syn::punctuated::Punctuated<Meta, syn::Token![,]>;
    let parts = list.parse_args_with(Parts::parse_terminated).unwrap_or_default();
    if list.path.is_ident("all") {
        parts.iter().any(needs_test)
    } else {
        list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(needs_test)
    }
}

pub fn is_public(visibility: &Visibility) -> bool {
    !matches!(visibility, Visibility::Inherited)
}
