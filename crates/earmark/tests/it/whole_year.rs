//! A year of real orders, if present: the file that `EARMARK_TEST_YEAR_CSV` names, or
//! `data/online-retail.csv.gz` in a folder next to the project's.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::program::{Server, done, root, text};
use crate::replay::figures;

/// A generous limit for a few tenths of a second.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

const VARIABLE: &str = "EARMARK_TEST_YEAR_CSV";
const FILE: &str = "data/online-retail.csv.gz";

fn year() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        assert!(named.is_file(), "{VARIABLE}: there is no file {}", named.display());
        return Some(named);
    }
    let beside = root().canonicalize().unwrap();
    let folders = std::fs::read_dir(beside.parent().unwrap()).unwrap().flatten();
    let mut files: Vec<PathBuf> = folders.map(|it| it.path().join(FILE)).collect();
    files.sort();
    let found = files.into_iter().find(|it| it.is_file());
    if found.is_none() {
        eprintln!("1 test skipped: no {FILE} next to the project, and {VARIABLE} is not set");
    }
    found
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long a restart takes is what is tested")]
fn a_year_is_replayed_to_known_counts_and_the_server_restarts_quickly() {
    let Some(year) = year() else { return };
    let folder = tempfile::tempdir().unwrap();
    let report = done(&["replay", text(&year), "--data", text(folder.path()), "--json"]).json();
    let known = [
        ("rows_read", 541_909),
        ("rows_left_out", 10_624),
        ("lines_offered", 531_285),
        ("skus", 3_941),
        ("units_demanded", 5_660_981),
        ("oversold", 0),
    ];
    for (name, value) in known {
        assert_eq!(report[name], value, "{name}");
    }
    for name in ["placed_on_incoming", "short", "moved", "placed_later", "still_short"] {
        assert!(report[name].as_u64().unwrap() > 0, "{name}");
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&figures(report)).unwrap(), @r#"
    {
      "batches": 102353,
      "lines_offered": 531285,
      "lost": 1649,
      "moved": 2915,
      "orders": 25900,
      "oversold": 0,
      "placed": 515040,
      "placed_later": 11781,
      "placed_on_incoming": 50139,
      "rows_below_one": 10624,
      "rows_left_out": 10624,
      "rows_read": 541909,
      "rows_unreadable": 0,
      "seed": 1,
      "short": 16245,
      "skus": 3941,
      "still_short": 6113,
      "still_short_units": 229152,
      "units_demanded": 5660981
    }
    "#);
    let begun = Instant::now();
    let server = Server::on(folder.path());
    let (status, _) = server.get("/readyz");
    let taken = begun.elapsed();
    assert_eq!(status, 200);
    assert!(taken < READY_TIMEOUT, "ready after {taken:?}");
    assert_eq!(server.stop(), 0);
    done(&["verify", "--data", text(folder.path())]);
    std::fs::remove_file(folder.path().join("allocation-0.views.db")).unwrap();
    done(&["verify", "--data", text(folder.path())]);
}
