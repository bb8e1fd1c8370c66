//! A fixed list of 200 commands: batches, allocations, holds, changes, shipments and returns.

use std::ops::Range;

use serde_json::{Value, json};

/// A command that is sent, and sent again after a fault.
pub struct TestCommand {
    pub name: &'static str,
    pub json: String,
    pub key: String,
    /// The time of the decision, Unix milliseconds, so that the result does not depend on the
    /// group.
    pub at_ms: i64,
}

/// Number of commands.
pub const COMMANDS: usize = 240;

const SKUS: [&str; 5] = ["LAMP", "CLOCK", "TRAY", "BANNER", "T-LIGHT"];
/// Sizes of the groups that are sent concurrently and share a record of the log; repeated in a
/// cycle.
const GROUP_SIZES: [usize; 12] = [1, 1, 2, 1, 1, 6, 1, 1, 3, 1, 1, 1];
const NOON_MS: i64 = 1_293_969_600_000;

pub fn commands() -> Vec<TestCommand> {
    let mut rng = Rng(7);
    let mut command = |index: usize| {
        let (name, body) =
            if index < 2 * SKUS.len() { stock(index) } else { next(index, &mut rng) };
        let at_ms = NOON_MS + i64::try_from(index).unwrap() * 60_000;
        TestCommand { name, json: body.to_string(), key: format!("key-{index}"), at_ms }
    };
    (0..COMMANDS).map(&mut command).collect()
}

/// The commands that are sent concurrently.
pub fn groups() -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut begin = 0;
    for size in GROUP_SIZES.iter().cycle() {
        let end = COMMANDS.min(begin + size);
        groups.push(begin..end);
        begin = end;
        if end == COMMANDS {
            break;
        }
    }
    groups
}

fn stock(index: usize) -> (&'static str, Value) {
    let sku = SKUS[index % SKUS.len()];
    let eta = (index >= SKUS.len()).then(|| format!("2011-01-{:02}", 10 + index));
    let batch = json!({ "reference": format!("b{index}"), "sku": sku, "quantity": 60, "eta": eta });
    ("allocation.create_batch", batch)
}

fn next(index: usize, rng: &mut Rng) -> (&'static str, Value) {
    let sku = SKUS[rng.below(SKUS.len())];
    let batch = format!("b{}", rng.below(12));
    let (own, other) = (format!("o{index}"), format!("o{}", 10 + rng.below(index)));
    let quantity = 1 + rng.below(12);
    let line = json!({ "order_id": other, "line_id": sku, "sku": sku });
    let with = |name: &str, value: Value| {
        let mut line = line.clone();
        line[name] = value;
        line
    };
    match rng.below(100) {
        0..42 => {
            let body = json!({
                "order_id": own, "line_id": sku, "sku": sku, "quantity": quantity, "short": "queue",
            });
            ("allocation.allocate", body)
        }
        42..54 => {
            let lines = SKUS[..1 + rng.below(4)].iter();
            let lines: Vec<_> =
                lines.map(|it| json!({ "sku": it, "quantity": quantity })).collect();
            let body =
                json!({ "order_id": own, "lines": lines, "ttl_s": 60 * (1 + rng.below(40)) });
            ("allocation.hold", body)
        }
        54..60 => ("allocation.confirm_hold", json!({ "order_id": other })),
        60..63 => ("allocation.release_hold", json!({ "order_id": other })),
        63..75 => {
            let level = rng.below(80);
            ("allocation.change_batch", json!({ "reference": batch, "quantity": level }))
        }
        75..79 => {
            let eta = format!("2011-02-{:02}", 1 + rng.below(28));
            ("allocation.change_batch", json!({ "reference": batch, "eta": eta }))
        }
        79..85 => ("allocation.deallocate", line),
        85..93 => ("allocation.ship", line),
        93..96 => {
            let mut body = with("quantity", 1.into());
            body["disposition"] = "restock".into();
            ("allocation.return", body)
        }
        _ => {
            let body = json!({ "reference": format!("b{index}"), "sku": sku, "quantity": 20 });
            ("allocation.create_batch", body)
        }
    }
}

/// A small random number generator (SplitMix64), the same on every machine.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(count).unwrap()).unwrap()
    }

    pub fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}
