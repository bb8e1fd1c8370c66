//! Imports are found through re-exports, macros and relative paths; circles and rooms are judged.

use super::{circles as rule, graphs, kernel_rooms, list_circles};
use crate::tidy::File;

/// A tree of files below `crates/NAME/src`, each as `path: code`.
fn tree(name: &str, files: &[&str]) -> Vec<File> {
    let file = |text: &&str| {
        let (path, text) = text.split_once(": ").unwrap();
        File { path: format!("crates/{name}/src/{path}"), text: text.to_owned() }
    };
    files.iter().map(file).collect()
}

/// The circles of a tree, without the lines that name the imports.
fn circles(files: &[&str]) -> Vec<String> {
    let listed = list_circles(&graphs(&tree("some", files)), &[]);
    let lines = listed.lines().map(str::to_owned);
    lines.filter(|line| line.starts_with("  ") && !line.contains("->")).collect()
}

#[track_caller]
fn is_circle(a: &str) {
    let found = circles(&["lib.rs: mod a; mod b;", a, "b.rs: use crate::a::A; pub struct B;"]);
    assert_eq!(found, ["  a.rs", "  b.rs"], "{a}");
}

#[track_caller]
fn is_none(a: &str) {
    let found = circles(&["lib.rs: mod a; mod b;", a, "b.rs: use crate::a::A; pub struct B;"]);
    assert!(found.is_empty(), "{a}: {found:?}");
}

#[test]
fn an_import_is_found_in_whatever_form_it_is_written() {
    is_circle("a.rs: use crate::b::B; pub struct A;");
    is_circle("a.rs: use crate::{b::{B as C}}; pub struct A;");
    is_circle("a.rs: use super::b::B; pub struct A;");
    is_circle("a.rs: use crate::b; pub struct A { b: b::B }");
    is_circle("a.rs: pub struct A; fn f() { let b = crate::b::B; }");
    is_circle("a.rs: pub struct A; fn f() { vec![g(|| crate::b::B)] }");
    is_circle("a.rs: pub struct A; fn f() { use crate::b::B; }");
    is_circle("a.rs: pub struct A; mod inner { use super::super::b::B; }");
    is_circle("a.rs: pub struct A; #[cfg(any(test, feature = \"x\"))] fn f() { crate::b::B; }");
}

#[test]
fn what_leads_elsewhere_is_no_import_of_ours() {
    is_none("a.rs: use b::B; pub struct A;");
    is_none("a.rs: use ::b::B; pub struct A;");
    is_none("a.rs: use crate::b; pub struct A;");
    is_none("a.rs: pub struct A; // crate::b::B");
    is_none("a.rs: pub struct A; const C: &str = \"crate::b::B\";");
}

#[test]
fn tests_are_left_out() {
    is_none("a.rs: pub struct A; #[cfg(test)] mod tests { use crate::b::B; }");
    is_none("a.rs: pub struct A; #[cfg(all(test, unix))] use crate::b::B;");
    is_none("a.rs: pub struct A; impl A { #[cfg(test)] fn f() { crate::b::B; } }");
}

#[test]
fn a_reexport_leads_to_the_file_that_defines() {
    let root = "lib.rs: mod room; mod other; pub use other::Other;";
    let index = "room/mod.rs: mod one; mod two; pub(crate) use one::{One as First, helper};";
    let two = "room/two.rs: pub struct Two;";
    let other = "other.rs: use crate::room::First; pub struct Other;";
    let one = |code| format!("room/one.rs: pub struct One; fn helper() {{}} {code}");
    let found = |code| circles(&[root, index, two, other, &one(code)]);
    assert_eq!(found("use crate::Other;"), ["  other.rs", "  room/one.rs"]);
    assert!(found("use super::two::Two;").is_empty());
    let two = "room/two.rs: use super::First;";
    let found = circles(&[root, index, two, other, &one("use super::two::Two;")]);
    assert_eq!(found, ["  room/one.rs", "  room/two.rs"]);
}

#[test]
fn a_module_and_a_function_may_share_a_name() {
    let root = "lib.rs: mod run; mod b; pub use run::run;";
    let found = circles(&[root, "run.rs: use crate::b::B; pub fn run() {}", "b.rs: crate::run!()"]);
    assert!(found.is_empty());
    let b = "b.rs: use crate::run; pub struct B; fn f() { run(); }";
    let found = circles(&[root, "run.rs: use crate::b::B; pub fn run() {}", b]);
    assert_eq!(found, ["  b.rs", "  run.rs"]);
}

#[test]
fn an_import_that_leads_back_to_itself_ends() {
    let found = circles(&["lib.rs: pub use a::X; mod a;", "a.rs: pub use crate::X; use super::*;"]);
    assert!(found.is_empty());
}

#[test]
fn only_a_circle_of_more_than_two_files_breaks_the_rule() {
    let root = "lib.rs: mod a; mod b; mod c;";
    let (a, b) = ("a.rs: use crate::b::B; struct A;", "b.rs: use crate::a::A; struct B;");
    assert_eq!(rule::check(&graphs(&tree("some", &[root, a, b]))), []);
    let c = "c.rs: use crate::a::A; struct C;";
    let b = "b.rs: use crate::{a::A, c::C}; struct B;";
    let found = rule::check(&graphs(&tree("some", &[root, a, b, c])));
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    let start = "crates/some/src/a.rs:1: circles: 3 files import each other in a circle (a.rs, \
                 b.rs, c.rs)";
    assert!(found[0].starts_with(start), "{found:?}");
}

#[test]
fn a_list_names_every_import_of_a_circle() {
    let a = "a.rs: use crate::b::B; pub struct A;\nfn f() -> crate::b::B {}";
    let graphs = graphs(&tree(
        "some",
        &["lib.rs: mod a; mod b;", a, "b.rs: use crate::a::A; pub struct B;"],
    ));
    let expected = "crates/some: a circle of 2 files\n  a.rs\n  b.rs\n    \
                    a.rs -> b.rs: 1 crate::b::B, 2 crate::b::B\n    b.rs -> a.rs: 1 crate::a::A\n";
    assert_eq!(list_circles(&graphs, &["some".to_owned()]), expected);
    assert_eq!(list_circles(&graphs, &["other".to_owned()]), "no circles\n");
}

fn rooms(files: &[&str]) -> Vec<String> {
    let found = kernel_rooms::check(&graphs(&tree("kernel", files)));
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn rooms_of_the_kernel_are_imported_one_way() {
    let root = "lib.rs: mod model; mod bus; mod clock; pub use bus::Bus;";
    let bus = "bus/mod.rs: mod bus; pub use bus::Bus;";
    let down = "bus/bus.rs: use crate::{clock::Now, model::Key}; pub struct Bus;";
    let clock = "clock.rs: pub struct Now;";
    assert!(rooms(&[root, bus, down, clock, "model/mod.rs: pub struct Key;"]).is_empty());
    let up = "model/mod.rs: \n\nuse crate::Bus;\npub struct Key;";
    let found = rooms(&[root, bus, down, clock, up]);
    assert_eq!(found.len(), 1, "{found:?}");
    let start = "crates/kernel/src/model/mod.rs:3: rooms: model/ may not import bus/";
    assert!(found[0].starts_with(start), "{found:?}");
}

#[test]
fn a_folder_of_the_kernel_without_a_place_is_reported_once_there_are_rooms() {
    let files = ["lib.rs: mod shelf;", "shelf/mod.rs: mod a;", "shelf/a.rs: struct A;"];
    assert!(rooms(&files).is_empty());
    let with_rooms =
        ["lib.rs: mod shelf; mod ports;", "ports/mod.rs: struct A;", files[1], files[2]];
    let found = rooms(&with_rooms);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("crates/kernel/src/shelf:1: rooms: `shelf` is not a room"));
}
