//! Compares a command's answer with the events that the log has for it.

use serde_json::Value;

use crate::auditor::{Auditor, CausedEvent};

/// Whether a command is a procedure, which sends several commands.
pub(crate) fn is_procedure(name: &str) -> bool {
    let procedures = ["create_batch", "hold", "confirm_hold", "release_hold", "extend_hold"];
    name.strip_prefix("allocation.").is_some_and(|name| procedures.contains(&name))
}

/// Checks that the log has exactly the events that the answer of a decided command implies.
pub(crate) fn check(
    name: &str,
    how: &str,
    answer: &str,
    key: &str,
    auditor: &Auditor,
) -> Result<(), String> {
    let events = auditor.caused_by(key);
    let answer: Value = serde_json::from_str(answer).map_err(|error| error.to_string())?;
    let holds = match (name, how) {
        ("allocation.hold", "refused") => {
            let lines = events.iter().filter_map(|it| it.line.as_ref());
            lines.into_iter().all(|line| !auditor.is_held_by(line, key))
        }
        ("allocation.hold", _) => hold(&answer, events),
        ("allocation.confirm_hold", _) => confirm(&answer, events),
        // A claimed reference belongs to the SKU, no matter which of its batches is created. That
        // a hold has lost stock is told to others too.
        (_, "refused") => events.iter().all(|it| {
            it.is_consequence || it.name.ends_with("_claimed") || it.name.ends_with("_incomplete")
        }),
        _ => done(name, &answer, events),
    };
    if holds { Ok(()) } else { Err(format!("{name} {how} {answer} recorded {events:?}")) }
}

fn count(events: &[CausedEvent], fact: &str) -> usize {
    let own = events.iter().filter(|it| !it.is_consequence);
    own.filter(|it| it.name.strip_prefix("allocation.") == Some(fact)).count()
}

fn done(name: &str, answer: &Value, events: &[CausedEvent]) -> bool {
    let existed = answer["existed"] == true;
    let expected: &[(&str, usize)] = match name {
        "allocation.create_batch" => &[("batch_created", usize::from(!existed))],
        "allocation.allocate" if existed => &[("allocated", 0), ("queued", 0)],
        "allocation.allocate" => match answer["outcome"]["outcome"].as_str() {
            Some("placed") => &[("allocated", 1), ("queued", 0)],
            Some("short") => &[("allocated", 0), ("queued", 1)],
            Some("out_of_stock") => &[("allocated", 0), ("queued", 0), ("stock_exhausted", 1)],
            _ => return false,
        },
        "allocation.close_batch" => &[("batch_closed", 1)],
        "allocation.deallocate" => &[("released", 1)],
        "allocation.ship" => &[("shipped", 1)],
        "allocation.return" => &[("returned", 1)],
        "allocation.release_hold" => {
            let lines = answer["lines"].as_array().map_or(0, Vec::len);
            return count(events, "released") <= lines;
        }
        "allocation.extend_hold" => return count(events, "reservation_extended") <= 1,
        "allocation.change_batch" => {
            let once = |fact| count(events, fact) <= 1;
            return once("batch_resized") && once("batch_eta_changed");
        }
        _ => return false,
    };
    expected.iter().all(|(fact, times)| count(events, fact) == *times)
}

/// A successful hold has not released any of its lines.
fn hold(answer: &Value, events: &[CausedEvent]) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = answer["lines"].as_array().into_iter().flatten();
    let mut lines = lines.map(|it| (text(&it["sku"]), text(&it["order_id"]), text(&it["line_id"])));
    lines.all(|line| {
        let mut own = events.iter().rev().filter(|it| !it.is_consequence);
        let last = own.find(|it| it.line.as_ref() == Some(&line));
        last.is_none_or(|it| it.name != "allocation.released")
    })
}

/// The answer lists every confirmed line, also when the rest was refused.
fn confirm(answer: &Value, events: &[CausedEvent]) -> bool {
    let lines = answer["lines"].as_array().or(answer["confirmed"].as_array());
    count(events, "hold_confirmed") <= lines.map_or(0, Vec::len)
}
