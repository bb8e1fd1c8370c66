//! Finds the file that defines what a path names, through re-exports.

use super::modules::{Module, Named};

/// How many re-exports are followed. Imports that lead back to themselves end here, too.
const STEPS_MAX: usize = 12;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An item; its file.
    Item(usize),
    /// A module itself, by its index.
    Module(usize),
}

/// Where `path`, written in a module, leads to; nothing if it leads out of the crate.
pub fn resolve(modules: &[Module], from: usize, path: &[String]) -> Option<Target> {
    Resolver { modules, steps_left: STEPS_MAX }.path(from, path)
}

#[derive(Clone, Copy)]
struct Resolver<'a> {
    modules: &'a [Module],
    steps_left: usize,
}

impl Resolver<'_> {
    fn path(mut self, from: usize, path: &[String]) -> Option<Target> {
        self.steps_left = self.steps_left.checked_sub(1)?;
        let (first, mut rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => self.root(from),
            "self" => from,
            "super" => self.modules[from].parent?,
            _ => return self.name(from, first, rest),
        };
        while let Some(below) = rest.strip_prefix(&["super".to_owned()]) {
            (module, rest) = (self.modules[module].parent?, below);
        }
        let Some((name, below)) = rest.split_first() else { return Some(Target::Module(module)) };
        // A name that is not found may come from a macro: it counts as the module's own.
        self.name(module, name, below).or(Some(Target::Item(self.modules[module].file)))
    }

    fn root(self, mut module: usize) -> usize {
        while let Some(parent) = self.modules[module].parent {
            module = parent;
        }
        module
    }

    fn name(self, module: usize, name: &str, rest: &[String]) -> Option<Target> {
        let own = &self.modules[module];
        let named = own.names.get(name).map(Vec::as_slice).unwrap_or_default();
        let child = named.iter().find_map(|it| match it {
            Named::Module(child) => Some(*child),
            _ => None,
        });
        if let (Some(child), Some((next, below))) = (child, rest.split_first()) {
            let within = self.name(child, next, below);
            return within.or(Some(Target::Item(self.modules[child].file)));
        }
        for it in named {
            match it {
                Named::Item => return Some(Target::Item(own.file)),
                Named::Import(path) => {
                    let path: Vec<String> = path.iter().chain(rest).cloned().collect();
                    if let Some(target) = self.path(module, &path) {
                        return Some(target);
                    }
                }
                Named::Module(_) => {}
            }
        }
        child.map(Target::Module).or_else(|| self.glob(module, name, rest))
    }

    fn glob(mut self, module: usize, name: &str, rest: &[String]) -> Option<Target> {
        self.steps_left = self.steps_left.checked_sub(1)?;
        self.modules[module].globs.iter().find_map(|path| match self.path(module, path)? {
            Target::Module(other) if other != module => self.name(other, name, rest),
            _ => None,
        })
    }
}
