//! Rule `rooms`: the folders of the kernel are in an order, and imports go one way only.

use super::graph::{Graph, Import};
use crate::tidy::Violation;

const KERNEL: &str = "crates/kernel";

/// The folders of the kernel, called rooms. A room may import itself and the rooms before it.
const ORDER: [&str; 7] = ["ports", "model", "views", "write", "bus", "table", "exchange"];

pub fn check(graphs: &[Graph]) -> Vec<Violation> {
    let Some(kernel) = graphs.iter().find(|graph| graph.folder == KERNEL) else {
        return Vec::new();
    };
    let mut folders: Vec<&str> = kernel.files.iter().filter_map(|path| room(path)).collect();
    folders.dedup();
    if !folders.iter().any(|folder| ORDER.contains(folder)) {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for folder in folders.into_iter().filter(|folder| place(folder).is_none()) {
        let to_do = format!(
            "`{folder}` is not a room of the kernel ({}): move it into one, or add it to the list \
             in xtask/src/tidy/module_graph/kernel_rooms.rs",
            ORDER.join(", ")
        );
        violations.push(Violation::at(&format!("{KERNEL}/src/{folder}"), 1, "rooms", to_do));
    }
    violations.extend(kernel.imports.iter().filter_map(backward));
    violations
}

/// An import of a room that comes later.
fn backward(import: &Import) -> Option<Violation> {
    let (from, to) = (room(&import.from)?, room(&import.to)?);
    let is_backward = place(from)? < place(to)?;
    let to_do = format!(
        "{from}/ may not import {to}/, which comes after it ({}): move what is needed to \
         {from}/ or before it, or pass it as an argument",
        import.paths.iter().map(|(_, path)| path.as_str()).collect::<Vec<_>>().join(", ")
    );
    is_backward.then(|| Violation::at(&import.from, import.line(), "rooms", to_do))
}

fn place(room: &str) -> Option<usize> {
    ORDER.iter().position(|other| *other == room)
}

/// The first folder of a file of the kernel; none for a file beside `lib.rs`.
fn room(path: &str) -> Option<&str> {
    let within = path.strip_prefix(KERNEL)?.strip_prefix("/src/")?;
    within.split_once('/').map(|(room, _)| room)
}
