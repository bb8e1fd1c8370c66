//! Import: valid rows are imported once, invalid rows are reported.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use serde_json::Value;

use crate::program::{done, run, text};

const BATCHES: &str = "\
reference,sku,quantity,eta
b1,CHAIR,10,
b2,CHAIR,0,
b3,BANK CHARGES,5,2026-01-31
b1,CHAIR,11,
b4,,5,
b5,CHAIR,7,soon
b6,CHAIR,20,2026-02-01
";

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

fn import<'a>(what: &'a str, file: &'a Path, data: &'a Path) -> Vec<&'a str> {
    vec!["import", what, text(file), "--data", text(data)]
}

#[test]
fn invalid_rows_are_reported_with_their_line_and_left_out() {
    let files = Files::new();
    let file = files.write("batches.csv", BATCHES);
    let said = done(&import("batches", &file, &files.data()));
    assert_snapshot!(said.err, @r#"
    line 3: quantity "0" must be a whole number from 1 to 1000000000
    line 5: line 2 differs for the same batch
    line 6: sku "" must not be empty
    line 7: eta "soon" must be a date like 2026-01-31
    "#);
    assert_snapshot!(said.out, @"7 rows: 3 new, 0 existed before, 4 left out");
}

#[test]
fn importing_a_file_again_changes_nothing() {
    let files = Files::new();
    let batches = files.write("batches.csv", BATCHES);
    done(&import("batches", &batches, &files.data()));
    let orders = "no,sku,n\n7,CHAIR,4\n7,CHAIR,5\n8,CHAIR,900\n9,NONE,1\n";
    let orders = files.write("orders.csv", orders);
    let columns = ["--order-id", "no", "--quantity", "n"];
    let data = files.data();
    let arguments = [&import("orders", &orders, &data)[..], &columns].concat();
    let said = done(&arguments);
    assert_snapshot!(format!("{}{}", said.err, said.out), @"
    line 5: Invalid sku NONE
    4 rows: 2 new, 0 existed before, 1 short, 1 left out
    ");
    let stock = done(&["stock", "--data", text(&files.data()), "--json"]).out;
    let again = done(&arguments);
    assert_snapshot!(format!("{}{}", again.err, again.out), @"
    line 5: Invalid sku NONE
    4 rows: 0 new, 3 existed before, 1 left out
    ");
    done(&import("batches", &batches, &files.data()));
    assert_eq!(done(&["stock", "--data", text(&files.data()), "--json"]).out, stock);
    done(&["verify", "--data", text(&files.data())]);
}

#[test]
fn a_strict_import_imports_all_rows_or_none() {
    let files = Files::new();
    let file = files.write("batches.csv", BATCHES);
    let data = files.data();
    let strict = [&import("batches", &file, &data)[..], &["--strict", "--json"]].concat();
    let said = run(&strict);
    let report = said.json();
    assert_eq!((said.code, &report["new"], &report["refused"]), (1, &0.into(), &true.into()));
    let stock = done(&["stock", "--data", text(&data), "--json"]).json();
    assert_eq!(stock, Value::from(Vec::<()>::new()));
}

#[test]
fn a_dry_run_reports_and_changes_nothing() {
    let files = Files::new();
    let file = files.write("batches.csv", BATCHES);
    let data = files.data();
    let said = done(&[&import("batches", &file, &data)[..], &["--dry-run"]].concat());
    assert_snapshot!(said.out, @"7 rows: 3 new, 0 existed before, 4 left out (dry run: nothing was changed)");
    assert!(!data.exists(), "a dry run creates no folder");
    done(&import("batches", &file, &data));
    let before = done(&["stock", "--data", text(&data), "--json"]).out;
    let more = files.write("more.csv", "reference,sku,quantity\nb9,CHAIR,1\n");
    done(&[&import("batches", &more, &data)[..], &["--dry-run"]].concat());
    assert_eq!(done(&["stock", "--data", text(&data), "--json"]).out, before);
}

#[test]
fn a_missing_column_is_reported_with_its_flag() {
    let files = Files::new();
    let file = files.write("batches.csv", "ref,sku,quantity\n");
    let said = run(&import("batches", &file, &files.data()));
    assert_eq!(said.code, 2);
    let complaint = said.complaint();
    assert!(complaint.contains("has no column \"reference\""), "{complaint}");
    assert!(complaint.contains("ref, sku, quantity. Name the right one with --reference"));
    assert!(!files.data().exists());
}
