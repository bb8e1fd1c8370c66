//! What an answer says was done, held against what the log says was done in its name.

use serde_json::Value;

use crate::auditor::{Auditor, Effect};

/// Whether a command takes several commands.
pub(crate) fn is_conducted(name: &str) -> bool {
    let conducted = ["create_batch", "hold", "confirm_hold", "release_hold"];
    name.strip_prefix("allocation.").is_some_and(|name| conducted.contains(&name))
}

/// Checks that the log holds what a decided command's answer says, and nothing else.
pub(crate) fn check(
    name: &str,
    how: &str,
    answer: &str,
    key: &str,
    auditor: &Auditor,
) -> Result<(), String> {
    let effects = auditor.effects(key);
    let answer: Value = serde_json::from_str(answer).map_err(|error| error.to_string())?;
    let holds = match (name, how) {
        ("allocation.hold", "refused") => {
            let lines = effects.iter().filter_map(|it| it.line.as_ref());
            lines.into_iter().all(|line| !auditor.is_held_by(line, key))
        }
        ("allocation.hold", _) => hold(&answer, effects),
        ("allocation.confirm_hold", _) => confirm(&answer, effects),
        // A reference that is claimed belongs to the SKU, whichever of its batches comes to be.
        (_, "refused") => effects.iter().all(|it| it.follows || it.name.ends_with("_claimed")),
        _ => done(name, &answer, effects),
    };
    if holds { Ok(()) } else { Err(format!("{name} {how} {answer} did {effects:?}")) }
}

fn count(effects: &[Effect], fact: &str) -> usize {
    let own = effects.iter().filter(|it| !it.follows);
    own.filter(|it| it.name.strip_prefix("allocation.") == Some(fact)).count()
}

fn done(name: &str, answer: &Value, effects: &[Effect]) -> bool {
    let existed = answer["existed"] == true;
    let wanted: &[(&str, usize)] = match name {
        "allocation.create_batch" => &[("batch_created", usize::from(!existed))],
        "allocation.allocate" if existed => &[("allocated", 0), ("queued", 0)],
        "allocation.allocate" => match answer["outcome"]["outcome"].as_str() {
            Some("placed") => &[("allocated", 1), ("queued", 0)],
            Some("short") => &[("allocated", 0), ("queued", 1)],
            Some("out_of_stock") => &[("allocated", 0), ("queued", 0), ("out_of_stock", 1)],
            _ => return false,
        },
        "allocation.close_batch" => &[("batch_closed", 1)],
        "allocation.deallocate" => &[("released", 1)],
        "allocation.ship" => &[("shipped", 1)],
        "allocation.return" => &[("returned", 1)],
        "allocation.release_hold" => {
            let lines = answer["lines"].as_array().map_or(0, Vec::len);
            return count(effects, "released") <= lines;
        }
        "allocation.change_batch" => {
            let once = |fact| count(effects, fact) <= 1;
            return once("batch_quantity_changed") && once("batch_eta_changed");
        }
        _ => return false,
    };
    wanted.iter().all(|(fact, times)| count(effects, fact) == *times)
}

/// A hold that was made has released none of its lines.
fn hold(answer: &Value, effects: &[Effect]) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = answer["lines"].as_array().into_iter().flatten();
    let mut lines = lines.map(|it| (text(&it["sku"]), text(&it["order_id"]), text(&it["line_id"])));
    lines.all(|line| {
        let mut own = effects.iter().rev().filter(|it| !it.follows);
        let last = own.find(|it| it.line.as_ref() == Some(&line));
        last.is_none_or(|it| it.name != "allocation.released")
    })
}

/// Every line that was confirmed stands in the answer, also where the rest was refused.
fn confirm(answer: &Value, effects: &[Effect]) -> bool {
    let lines = answer["lines"].as_array().or(answer["confirmed"].as_array());
    count(effects, "hold_confirmed") <= lines.map_or(0, Vec::len)
}
