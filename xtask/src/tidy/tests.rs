//! A clean tree passes, and each rule, broken once, is found where it was broken.

use super::File;
use super::check::check;
use super::violation::RULES;

/// The Rust of a small tree that keeps every rule: a path and, behind it, the code.
const CLEAN: &str = "
crates/kernel/src/lib.rs                        mod bus;⏎mod ports; // for one SKU
crates/kernel/src/bus/mod.rs                    use crate::ports::Log;⏎pub struct Bus;
crates/kernel/src/ports/mod.rs                  pub struct Log;
crates/kernel/src/spread.rs                     fn it() { let theta = 'a'; let b = \"sku\"; }
crates/services/src/lib.rs                      pub mod allocation;⏎pub mod ordering;
crates/services/src/allocation/handlers.rs      use super::reactions;
crates/services/src/allocation/reactions.rs     // crate::ordering is only a comment
crates/services/src/allocation/stock.rs         use crate::allocation::views;
crates/services/src/allocation/views/mod.rs     mod by_order;
crates/services/src/allocation/views/by_order.rs use super::super::stock;
crates/services/src/allocation/tests.rs         use super::handlers;
crates/services/src/ordering/handlers.rs        use super::reactions;
crates/services/src/ordering/reactions.rs       use super::stock;
crates/services/src/ordering/stock.rs           pub struct Order;
crates/services/src/ordering/views.rs           struct Orders;
crates/services/src/ordering/tests.rs           use super::handlers;
crates/brokers/src/lib.rs                       mod a;⏎mod b;⏎mod c;
crates/brokers/src/a.rs                         struct A;
crates/brokers/src/b.rs                         use crate::c::C;⏎struct B;
crates/brokers/src/c.rs                         use crate::a::A;⏎struct C;
crates/brokers/tests/power.rs                   mod power { mod cuts; }
crates/brokers/tests/power/cuts.rs              fn f() {}
";

/// The index of both services in it.
const INDEX: &str =
    "mod handlers;\nmod reactions;\npub mod stock;\nmod views;\n#[cfg(test)]\nmod tests;";

const README: &str = "
The ../work/there, `crates/{kernel/src/{lib,spread}.rs,services/}`, `crates/*/tests`,
`docs/decisions`, `cat docs/decisions/README.md`, [one](docs/decisions/0001-one.md#x),
https://some.where/docs/nothing, [there](https://some.where/x).
";

fn clean() -> Vec<(String, String)> {
    let host = concat!("crates", ".io");
    let mut tree = vec![
        file("Cargo.toml", "[workspace]\n"),
        file("Cargo.lock", &format!("source = \"registry+https://{host}\"\n")),
        file("README.md", README),
        file("xtask/Cargo.toml", &manifest("xtask")),
        file("crates/kernel/Cargo.toml", &manifest("earmark-kernel")),
        file("crates/earmark/Cargo.toml", &manifest("earmark")),
        file("crates/stores/src/schema.rs", "// @generated\n#![allow(x)]\n"),
        file("crates/services/src/allocation/mod.rs", &rust(INDEX)),
        file("crates/services/src/ordering/mod.rs", &rust(INDEX)),
        file("docs/decisions/README.md", "[](0000-template.md) [](0001-one.md)\n"),
        file("docs/decisions/0000-template.md", "# 0000\n"),
        file("docs/decisions/0001-one.md", "# 0001, `crates/gone.rs`\n"),
    ];
    for line in CLEAN.trim().lines() {
        let (path, code) = line.split_once(' ').unwrap();
        tree.push(file(path, &rust(code.trim())));
    }
    tree
}

fn file(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}

fn rust(code: &str) -> String {
    format!("//! What it is for.\n\n{}\n", code.replace('⏎', "\n"))
}

fn manifest(package: &str) -> String {
    format!("[package]\nname = \"{package}\"\n[lints]\nworkspace = true\n")
}

type Found = (String, usize, &'static str);

/// What is found in the clean tree with one file added or replaced.
fn with(path: &str, text: &str) -> Vec<Found> {
    let mut tree = clean();
    tree.retain(|(other, _)| other != path);
    tree.push(file(path, text));
    found(tree)
}

fn found(tree: Vec<(String, String)>) -> Vec<Found> {
    let files: Vec<File> = tree.into_iter().map(|(path, text)| File { path, text }).collect();
    let all = check(&files).into_iter();
    all.map(|one| (one.path, one.line, one.rule)).collect()
}

#[test]
fn a_clean_tree_passes() {
    assert_eq!(found(clean()), []);
}

/// Rust that breaks a rule: the rule, the path, the line, the code.
const PLANTED: &str = "
circles       crates/brokers/src/a.rs                     3 use crate::b::B;⏎struct A;
ignored-test  crates/services/src/allocation/tests.rs     3 #[ignore]
ignored-test  crates/services/src/allocation/tests.rs     4 mod a {⏎  #[cfg_attr(unix, ignore)]⏎}
kernel-words  crates/kernel/src/bus.rs                    3 fn f(stock_sku: A) {}
kernel-words  crates/kernel/src/bus.rs                    4 f!(⏎x::AllocationRequired);
module-files  crates/kernel/src/bus.rs                    1 mod tail;
module-files  crates/services/src/allocation/views/mod.rs 4 mod by_order;⏎fn f() {}
module-files  crates/services/src/allocation/views/mod.rs 5 mod by_order;⏎impl A {⏎fn f() {}⏎}
names         crates/kernel/src/utils.rs                  1 fn f() {}
names         crates/earmark/tests/common/mod.rs          1 mod f;
rooms         crates/kernel/src/ports/mod.rs              3 use crate::bus::Bus;
service-files crates/services/src/allocation/more.rs      1 fn f() {}
siblings      crates/services/src/allocation/handlers.rs  3 fn f() { crate::ordering::f() }
siblings      crates/services/src/allocation/handlers.rs  4 use a::b;⏎use crate::{c, ordering};
siblings      crates/services/src/allocation/handlers.rs  5 use crate::{⏎ c::{d},⏎ ordering::e,⏎};
siblings      crates/services/src/allocation/handlers.rs  3 use super::super::ordering;
siblings      crates/services/src/allocation/handlers.rs  4 mod a {⏎use super::super::super::ordering;}
siblings      crates/services/src/allocation/tests.rs     3 use crate::ordering::stock::Order;
siblings      crates/services/src/allocation/handlers.rs  3 fn f() { vec![crate::ordering::f()] }
silenced-lint crates/contracts/src/values.rs              3 #![allow(dead_code)]
unsafe        crates/contracts/src/values.rs              3 #![expect(unsafe_code, reason = \"\")]
";

/// Everything planted: the rule, the path, the line, the text.
fn planted() -> Vec<(String, String, usize, String)> {
    let mut planted = vec![
        whole("crate-names", "crates/kernel/Cargo.toml", 1, &manifest("kernel")),
        whole("crate-names", "testing/torture/Cargo.toml", 1, &manifest("torture")),
        whole("decisions", "docs/decisions/0001-two.md", 1, ""),
        whole("decisions", "docs/decisions/one.md", 1, ""),
        whole("decisions-index", "docs/decisions/0002-two.md", 1, ""),
        whole("doc-paths", "README.md", 1, "`crates/kernel/src/{lib,gone}.rs`"),
        whole("doc-paths", "README.md", 1, "run `cat crates/gone/`"),
        whole("doc-paths", "docs/TESTING.md", 2, "# A\n[here](decisions/0002-gone.md)"),
        whole("doc-paths", "docs/TESTING.md", 1, "[here](../crates/gone.rs)"),
        whole("git-dependency", "Cargo.lock", 1, "source = \"git+https://some.where/x\"\n"),
        whole("lints", "crates/kernel/Cargo.toml", 1, "[lints]\nworkspace = false\n"),
        whole("lints", "benches/Cargo.toml", 1, "[package]\n"),
        whole("machine-path", ".ci/run", 2, concat!("set -e\ncd /wo", "rk/main\n")),
        whole("opening", "build.rs", 1, "use std::fmt;\n"),
        whole("opening", "build.rs", 1, "//!\n"),
        whole("registry-host", "README.md", 1, concat!("from crates", ".io\n")),
        whole("length", "build.rs", 401, &rust(&"// on\n".repeat(398))),
        whole("columns", "build.rs", 3, &rust(&format!("// {}", "x".repeat(98)))),
    ];
    for line in PLANTED.trim().lines() {
        let (head, code) = (&line[..59], &line[60..]);
        let [rule, path, at] = head.split_whitespace().collect::<Vec<_>>().try_into().unwrap();
        planted.push(whole(rule, path, at.parse().unwrap(), &rust(code)));
    }
    planted
}

fn whole(rule: &str, path: &str, line: usize, text: &str) -> (String, String, usize, String) {
    (rule.to_owned(), path.to_owned(), line, text.to_owned())
}

#[test]
fn each_broken_rule_is_found_where_it_was_broken() {
    for (rule, path, line, text) in planted() {
        let found = with(&path, &text);
        let is_found = found.iter().any(|(p, l, r)| (p, *l, *r) == (&path, line, rule.as_str()));
        assert!(is_found, "{rule} in {path}:{line}:\n{text}\nfound only {found:?}");
    }
}

#[test]
fn every_rule_is_broken_at_least_once() {
    let planted = planted();
    for rule in RULES {
        assert!(planted.iter().any(|(planted, ..)| planted == rule), "{rule} is never broken");
    }
}

#[test]
fn all_violations_are_reported_at_once() {
    let found = with("build.rs", "fn f() {}\n#![allow(x)]\n#[ignore]\n");
    let expected = [(1, "opening"), (2, "silenced-lint"), (3, "ignored-test")];
    assert_eq!(found, expected.map(|(line, rule)| ("build.rs".to_owned(), line, rule)));
}

#[test]
fn a_file_that_every_service_has_is_required() {
    for name in ["mod", "handlers", "reactions", "tests"] {
        let path = format!("crates/services/src/allocation/{name}.rs");
        let mut tree = clean();
        tree.retain(|(other, _)| *other != path);
        let found = found(tree);
        assert!(found.contains(&(path, 1, "service-files")), "{name}: {found:?}");
    }
}

#[test]
fn a_gap_in_the_decisions_is_reported_once() {
    let mut tree = clean();
    for (path, text) in &mut tree {
        if path.ends_with("decisions/README.md") {
            text.push_str("[](0003-three.md) [](0004-four.md)");
        }
    }
    tree.push(file("docs/decisions/0003-three.md", ""));
    tree.push(file("docs/decisions/0004-four.md", ""));
    assert_eq!(found(tree), [("docs/decisions/0003-three.md".to_owned(), 1, "decisions")]);
}

#[test]
fn an_address_or_a_string_may_be_longer() {
    let long = "x".repeat(120);
    assert_eq!(with("build.rs", &rust(&format!("// https://{long}"))), []);
    assert_eq!(with("build.rs", &rust(&format!("let a = \"{long}//\";"))), []);
}

#[test]
fn a_violation_gives_the_place_the_rule_and_what_to_do() {
    let violations = check(&[File { path: "build.rs".to_owned(), text: rust("#[ignore]") }]);
    assert_eq!(
        violations[0].to_string(),
        "build.rs:3: ignored-test: make the test pass, or delete it and say why in the commit"
    );
}
