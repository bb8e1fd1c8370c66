//! A clean tree passes, and each rule, broken once, is found where it was broken.

use super::{File, RULES, check};

/// The Rust of a small tree that keeps every rule: a path and, behind it, the code.
const CLEAN: &str = "
crates/kernel/src/lib.rs                        pub struct Batch; // for one SKU
crates/kernel/src/spread.rs                     fn it() { let theta = 'a'; let b = \"sku\"; }
crates/services/src/lib.rs                      pub mod allocation;⏎pub mod ordering;
crates/services/src/allocation/handlers.rs      use super::reactions;
crates/services/src/allocation/reactions.rs     // crate::ordering says it, not we
crates/services/src/allocation/stock.rs         use crate::allocation::views;
crates/services/src/allocation/views/mod.rs     mod by_order;
crates/services/src/allocation/views/by_order.rs use super::super::stock;
crates/services/src/allocation/tests.rs         use super::handlers;
crates/services/src/ordering/handlers.rs        use super::reactions;
crates/services/src/ordering/reactions.rs       use super::stock;
crates/services/src/ordering/stock.rs           struct Order;
crates/services/src/ordering/views.rs           struct Orders;
crates/services/src/ordering/tests.rs           use super::handlers;
crates/brokers/src/lib.rs                       mod a;⏎mod b;⏎mod c;
crates/brokers/src/a.rs                         struct A;
crates/brokers/src/b.rs                         use crate::c::C;⏎struct B;
crates/brokers/src/c.rs                         use crate::a::A;⏎struct C;
crates/earmark/tests/it/main.rs                 time::sleep(T).await; // tidy: the OS is slow
";

/// The index of both services in it.
const INDEX: &str =
    "mod handlers;\nmod reactions;\nmod stock;\nmod views;\n#[cfg(test)]\nmod tests;";

/// Its crates: folder, package, a dependency and one of the tests alone.
const CRATES: &str = "
kernel     earmark-kernel     serde              earmark-stores
contracts  earmark-contracts  earmark-kernel     proptest
stores     earmark-stores     sql                proptest
brokers    earmark-brokers    redis              proptest
services   earmark-services   earmark-contracts  earmark-stores
gateway    earmark-gateway    axum               earmark-stores
simulator  earmark-simulator  earmark-gateway    proptest
earmark    earmark            earmark-brokers    earmark-simulator
";

fn clean() -> Vec<(String, String)> {
    let host = concat!("crates", ".io");
    let mut tree = vec![
        file("Cargo.toml", "[workspace.dependencies]\nsql = { package = \"rusqlite\" }\n"),
        file("Cargo.lock", &format!("source = \"{host}\"\n")),
        file("README.md", "The demo/data/work/orders.csv and ../work/there\n"),
        file("xtask/Cargo.toml", &manifest("xtask", "")),
        file("crates/stores/src/schema.rs", "// @generated\n#![allow(x)]\n"),
        file("crates/services/src/allocation/mod.rs", &rust(INDEX)),
        file("crates/services/src/ordering/mod.rs", &rust(INDEX)),
        file("docs/decisions/README.md", "[](0000-template.md) [](0001-one.md)\n"),
        file("docs/decisions/0000-template.md", "# 0000\n"),
        file("docs/decisions/0001-one.md", "# 0001\n"),
    ];
    for line in CLEAN.trim().lines() {
        let (path, code) = line.split_once(' ').unwrap();
        tree.push(file(path, &rust(code.trim())));
    }
    for line in CRATES.trim().lines() {
        let [folder, package, normal, dev] = columns(line);
        let normal = format!("[dependencies]\n{normal}.workspace = true\n");
        let dev = format!("[dev-dependencies]\n{dev} = {{ workspace = true }}\n");
        let path = format!("crates/{folder}/Cargo.toml");
        tree.push(file(&path, &manifest(package, &(normal + &dev))));
    }
    tree
}

fn file(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}

fn columns<const N: usize>(line: &str) -> [&str; N] {
    line.split_whitespace().collect::<Vec<_>>().try_into().unwrap()
}

fn rust(code: &str) -> String {
    format!("//! What it is for.\n\n{}\n", code.replace('⏎', "\n"))
}

fn manifest(package: &str, more: &str) -> String {
    format!("[package]\nname = \"{package}\"\n[lints]\nworkspace = true\n{more}")
}

type Found = (String, usize, &'static str);

/// What is found in the clean tree with one file put in, or in place of the one that was there.
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

/// For every rule the Rust that breaks it: the rule, the path, the line, the code.
const PLANTED: &str = "
business      crates/kernel/src/bus.rs                    3 fn f(stock_sku: A) {}
business      crates/kernel/src/bus.rs                    3 use x::AllocationRequired;
circles       crates/brokers/src/a.rs                     3 use crate::b::B;⏎struct A;
ignored-test  crates/services/src/allocation/tests.rs     3 #[ignore]
names         crates/kernel/src/utils.rs                  1 fn f() {}
names         crates/earmark/tests/common/mod.rs          1 fn f() {}
service-files crates/services/src/allocation/more.rs      1 fn f() {}
siblings      crates/services/src/allocation/handlers.rs  3 fn f() { crate::ordering::f() }
siblings      crates/services/src/allocation/handlers.rs  4 use a::b;⏎use crate::{c, ordering};
siblings      crates/services/src/allocation/handlers.rs  3 use crate::{⏎ c::{d},⏎ ordering::e,⏎};
siblings      crates/services/src/allocation/handlers.rs  3 use super::super::ordering;
siblings      crates/services/src/allocation/handlers.rs  4 mod a {⏎use super::super::super::ordering;}
siblings      crates/services/src/allocation/mod.rs       3 use super::ordering;
silenced-lint crates/contracts/src/values.rs              3 #[allow(dead_code)]
silenced-lint crates/contracts/src/values.rs              3 #![allow(dead_code)]
sleep         crates/services/src/allocation/tests.rs     3 time::sleep(T).await;
sleep         crates/services/src/allocation/tests.rs     3 time::sleep(T).await; // tidy:
sleep         crates/contracts/src/values.rs              4 #[cfg(test)]⏎use std::thread::sleep;
unfinished    crates/contracts/src/values.rs              3 fn f() { todo!() }
unfinished    crates/contracts/src/values.rs              4 // todo⏎unimplemented!();
unsafe        crates/contracts/src/values.rs              3 let x = unsafe { *y };
";

/// The imports that break a rule: the rule, the manifest, its package, the table, the dependency.
const PLANTED_IMPORTS: &str = "
imports         crates/kernel/Cargo.toml    earmark-kernel    dependencies       earmark-stores
imports         crates/contracts/Cargo.toml earmark-contracts dev-dependencies   earmark-stores
imports         crates/stores/Cargo.toml    earmark-stores    dependencies       earmark-contracts
imports         crates/gateway/Cargo.toml   earmark-gateway   dependencies       earmark-services
imports         crates/services/Cargo.toml  earmark-services  dependencies       earmark-stores
imports         crates/simulator/Cargo.toml earmark-simulator dependencies       earmark
imports         crates/earmark/Cargo.toml   earmark           dependencies       earmark-simulator
imports         crates/brokers/Cargo.toml   earmark-brokers   build-dependencies earmark-stores
imports         benches/Cargo.toml          earmark-benches   dependencies       earmark
foreign-imports benches/Cargo.toml          earmark-benches   dependencies       redis
foreign-imports crates/gateway/Cargo.toml   earmark-gateway   dependencies       sql
foreign-imports crates/services/Cargo.toml  earmark-services  dependencies       axum
foreign-imports crates/services/Cargo.toml  earmark-services  dev-dependencies   redis
foreign-imports crates/kernel/Cargo.toml    earmark-kernel    dependencies       proptest
rooms           crates/kernel/Cargo.toml    kernel            dependencies       serde
rooms           crates/extra/Cargo.toml     earmark-extra     dependencies       serde
";

/// Everything planted: the rule, the path, the line, the text.
fn planted() -> Vec<(String, String, usize, String)> {
    let mut planted = vec![
        whole("decisions", "docs/decisions/0001-two.md", 1, ""),
        whole("decisions", "docs/decisions/one.md", 1, ""),
        whole("decisions-index", "docs/decisions/0002-two.md", 1, ""),
        whole("lints", "crates/kernel/Cargo.toml", 1, "[lints]\n"),
        whole("lints", "benches/Cargo.toml", 1, "[package]\n"),
        whole("machine-path", ".ci/run", 2, concat!("set -e\ncd /wo", "rk/main\n")),
        whole("opening", "build.rs", 1, "use std::fmt;\n"),
        whole("opening", "build.rs", 1, "//!\n"),
        whole("registry-host", "README.md", 1, concat!("from crates", ".io\n")),
        whole("length", "build.rs", 401, &rust(&"// on\n".repeat(398))),
        whole("columns", "build.rs", 3, &rust(&format!("// {}", "x".repeat(98)))),
    ];
    for line in PLANTED.trim().lines() {
        let [rule, path, at] = columns(&line[..line.len().min(59)]);
        planted.push(whole(rule, path, at.parse().unwrap(), &rust(&line[60..])));
    }
    for line in PLANTED_IMPORTS.trim().lines() {
        let [rule, path, package, table, dependency] = columns(line);
        let at = if rule == "rooms" { 1 } else { 6 };
        let text = manifest(package, &format!("[{table}]\n{dependency} = \"1\"\n"));
        planted.push(whole(rule, path, at, &text));
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
fn all_violations_are_told_at_once() {
    let found = with("build.rs", "fn f() { todo!() }\n#[ignore]\n");
    let expected = [(1, "opening"), (1, "unfinished"), (2, "ignored-test")];
    assert_eq!(found, expected.map(|(line, rule)| ("build.rs".to_owned(), line, rule)));
}

#[test]
fn a_file_that_every_service_has_is_missed() {
    for name in ["mod", "handlers", "reactions", "tests"] {
        let path = format!("crates/services/src/allocation/{name}.rs");
        let mut tree = clean();
        tree.retain(|(other, _)| *other != path);
        let found = found(tree);
        assert!(found.contains(&(path, 1, "service-files")), "{name}: {found:?}");
    }
}

#[test]
fn a_gap_in_the_decisions_is_told_once() {
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
fn an_address_or_a_quoted_text_may_stick_out() {
    let long = "x".repeat(120);
    assert_eq!(with("build.rs", &rust(&format!("// https://{long}"))), []);
    assert_eq!(with("build.rs", &rust(&format!("let a = \"{long}\";"))), []);
}

#[test]
fn a_violation_reads_as_a_place_a_rule_and_what_to_do() {
    let violations = check(&[File { path: "build.rs".to_owned(), text: rust("todo!()") }]);
    assert_eq!(
        violations[0].to_string(),
        "build.rs:3: unfinished: finish it, or refuse the case by name"
    );
}
