//! Replays: the same file and seed give the same figures, also after an interruption.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::Value;

use crate::program::{done, program, run, slice, text};

/// Order id and line id.
pub type Line = (String, String);

/// The figures without those that depend on the machine.
pub fn figures(mut report: Value) -> Value {
    let report_fields = report.as_object_mut().unwrap();
    for time in ["seconds", "lines_per_second", "lines_resumed"] {
        report_fields.remove(time).unwrap();
    }
    report
}

#[test]
fn a_replay_is_reproducible() {
    let slice = slice();
    let replay = ["replay", text(&slice), "--temporary", "--json"];
    let first = figures(done(&replay).json());
    assert_eq!(first, figures(done(&replay).json()));
    assert_snapshot!(serde_json::to_string_pretty(&first).unwrap(), @r#"
    {
      "batches": 6767,
      "lines_offered": 8408,
      "lost": 182,
      "moved": 74,
      "orders": 461,
      "oversold": 0,
      "placed": 7046,
      "placed_later": 934,
      "placed_on_incoming": 965,
      "rows_below_one": 149,
      "rows_left_out": 149,
      "rows_read": 8557,
      "rows_unreadable": 0,
      "seed": 1,
      "short": 1362,
      "skus": 1542,
      "still_short": 610,
      "still_short_units": 11739,
      "units_demanded": 112104
    }
    "#);
    let other = figures(done(&[&replay[..], &["--seed", "2"]].concat()).json());
    assert_ne!(first["placed"], other["placed"]);
    assert_eq!(first["units_demanded"], other["units_demanded"]);
}

#[test]
fn a_killed_replay_is_resumed_and_no_answered_line_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (slice, data) = (slice(), folder.path().join("data"));
    let replay = ["replay", text(&slice), "--data", text(&data), "--json"];
    let acks = folder.path().join("acks");
    assert!(Command::new("mkfifo").arg(&acks).status().unwrap().success());

    // The pipe holds less than all answers, so the replay cannot end before it is killed.
    let killed = [&replay[..], &["--acks", text(&acks)]].concat();
    let mut child = program(&killed).stdout(Stdio::null()).spawn().unwrap();
    let mut acks = BufReader::new(File::open(&acks).unwrap()).lines();
    let mut answered: Vec<Line> =
        acks.by_ref().take(100).flat_map(|it| read(&it.unwrap())).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    answered
        .extend(acks.flat_map(|it| serde_json::from_str::<Vec<Line>>(&it.unwrap()).ok()).flatten());

    done(&["verify", "--data", text(&data)]);
    let in_log = lines_in_log(&data);
    assert!(in_log.len() < 8_408, "the replay was killed before its end");
    let missing: Vec<_> = answered.iter().filter(|line| !in_log.contains(*line)).collect();
    assert!(missing.is_empty() && answered.len() > 100, "{missing:?}");

    let refused = run(&replay);
    assert!(refused.complaint().contains("--resume"), "{refused:?}");
    let resumed = done(&[&replay[..], &["--resume"]].concat()).json();
    assert!(resumed["lines_resumed"].as_u64().unwrap() >= answered.len() as u64);
    let whole = done(&["replay", text(&slice), "--temporary", "--json"]).json();
    assert_eq!(figures(resumed), figures(whole));
    done(&["verify", "--data", text(&data)]);
    let again = done(&[&replay[..], &["--resume"]].concat()).json();
    assert_eq!(again["lines_resumed"], again["lines_offered"]);
}

fn read(acks: &str) -> Vec<Line> {
    serde_json::from_str(acks).unwrap()
}

/// Every line that was accepted, by the log.
pub fn lines_in_log(data: &Path) -> BTreeSet<Line> {
    let log = done(&["log", "--data", text(data), "--json"]).out;
    let accepted = ["allocation.allocated", "allocation.queued"];
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = events.filter(|it| accepted.contains(&it["type"].as_str().unwrap()));
    let name = |value: &Value| value.as_str().unwrap().to_owned();
    events.map(|it| (name(&it["data"]["order_id"]), name(&it["data"]["line_id"]))).collect()
}

#[test]
fn a_folder_with_other_data_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let (slice, data) = (slice(), text(folder.path()));
    let replay = ["replay", text(&slice), "--limit-rows", "100", "--data", data];
    done(&replay);
    let before = done(&["log", "--data", data]).out;
    let other = run(&[&replay[..], &["--resume", "--seed", "9"]].concat());
    assert_eq!(other.code, 1);
    assert!(other.complaint().contains("something other than a part of this replay"), "{other:?}");
    assert_eq!(done(&["log", "--data", data]).out, before);
}

#[test]
fn the_demo_exits_after_the_replay() {
    let said = done(&["demo", "--exit"]);
    assert!(said.out.contains("verified allocation:"), "{said:?}");
    assert!(said.out.contains("oversold"), "{said:?}");
}
