//! The requests of clients: every command of the allocation service, over few names so that they
//! interact, and some with an invalid value.

use earmark_contracts::values::Day;
use earmark_kernel::UnixMillis;
use serde_json::{Value, json};

use crate::clock::{DAY_MS, NOON};
use crate::rng::Rng;
use crate::stock_model::{LineId, StockModel};

/// A command as a client sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) name: &'static str,
    pub(crate) body: String,
    pub(crate) dry_run: bool,
    /// It has an invalid value.
    pub(crate) hostile: bool,
}

const SKUS: [&str; 4] = ["LAMP", "BANK CHARGES", "KÜHL 7", "x"];
/// Values that at least some fields must reject.
const INVALID_VALUES: [&str; 22] = [
    "0",
    "-1",
    "1000000000",
    "1000000001",
    "4294967295",
    "9223372036854775808",
    "1.5",
    "1e400",
    "-0",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\" LAMP\"",
    "\"L\\u0000AMP\"",
    "\"\\ud800\"",
    "\"2011-02-30\"",
    "\"9999-12-31\"",
    "\"-009999-01-01\"",
    "\"ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψωάέήίόύώϊϋΐΰςABCDEFGHIJ\"",
    "\"K\\u0055\\u0308HL 7\"",
];

/// Generates requests.
pub(crate) struct Workload {
    rng: Rng,
    skus: u64,
    orders: u64,
    references: u64,
    /// Most requests are about the hold of one order.
    hot_order: bool,
    /// Holds may have hundreds of lines.
    wide: bool,
    /// An existing line that the next request is about.
    target: Option<LineId>,
}

impl Workload {
    /// `hot_sku`: all requests are about the same SKU. `hot_order`: most of them are about the hold
    /// of one order.
    pub(crate) fn new(seed: u64, hot_sku: bool, hot_order: bool) -> Self {
        let mut rng = Rng::new(seed, "workload");
        let skus = if hot_sku { 1 } else { 1 + rng.below(SKUS.len() as u64) };
        let (orders, references) = (3 + rng.below(20), 2 + rng.below(12));
        let orders = if hot_order { 1 + rng.below(2) } else { orders };
        let wide = hot_order && rng.chance(15);
        Self { rng, skus, orders, references, hot_order, wide, target: None }
    }

    pub(crate) fn order_ids(&self) -> impl Iterator<Item = String> {
        (0..self.orders).map(|order| format!("o{order}"))
    }

    pub(crate) fn skus() -> [&'static str; 4] {
        SKUS
    }

    /// The next request at `now`, often about existing stock.
    pub(crate) fn request(&mut self, now: UnixMillis, stock: &StockModel) -> Request {
        self.target = None;
        if !stock.lines.is_empty() && self.rng.chance(75) {
            self.target = stock.lines.keys().nth(self.rng.index(stock.lines.len())).cloned();
        }
        type Compose = fn(&mut Workload, UnixMillis) -> (&'static str, Value);
        let holds = if self.hot_order { 3 } else { 1 };
        let compose = self.rng.weighted::<Compose>(&[
            (12, Self::create_batch),
            (if self.hot_order { 12 } else { 34 }, Self::allocate),
            (14, Self::change_batch),
            (2, Self::close_batch),
            (8, Self::deallocate),
            (9 * holds, Self::hold),
            (6 * holds, Self::confirm_hold),
            (3 * holds, Self::release_hold),
            (3 * holds, Self::extend_hold),
            (8, Self::ship),
            (4, Self::take_back),
        ]);
        let (name, body) = compose(self, now);
        let dry_run = self.rng.chance(6);
        if self.rng.chance(6) {
            let body = self.corrupt_field(&body);
            return Request { name, body, dry_run, hostile: true };
        }
        Request { name, body: body.to_string(), dry_run, hostile: false }
    }

    /// The same command with an invalid or an additional field.
    fn corrupt_field(&mut self, body: &Value) -> String {
        let invalid = *self.rng.pick(&INVALID_VALUES);
        let fields = body.as_object().into_iter().flatten();
        let mut fields: Vec<(String, String)> =
            fields.map(|(name, value)| (name.clone(), value.to_string())).collect();
        let place = self.rng.index(fields.len() + 1);
        match fields.get_mut(place) {
            Some((_, value)) => invalid.clone_into(value),
            None => fields.push(("unknown_field".into(), invalid.into())),
        }
        let fields = fields.into_iter().map(|(name, value)| format!("\"{name}\":{value}"));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }

    fn create_batch(&mut self, now: UnixMillis) -> (&'static str, Value) {
        let mut body = json!({
            "reference": self.reference(),
            "sku": self.sku(),
            "quantity": self.quantity(if self.wide { 2_000 } else { 40 }),
        });
        if self.rng.chance(50) {
            body["eta"] = self.day(now);
        }
        if self.rng.chance(20) {
            body["expires"] = self.day(now);
        }
        ("allocation.create_batch", body)
    }

    fn change_batch(&mut self, now: UnixMillis) -> (&'static str, Value) {
        let mut body = json!({ "reference": self.reference(), "reason": "counted again" });
        if self.rng.chance(65) {
            body["quantity"] = json!(self.quantity(45) - 1);
        }
        if self.rng.chance(45) {
            body["eta"] = if self.rng.chance(45) { Value::Null } else { self.day(now) };
        }
        if self.rng.chance(10) {
            let (batch, plan) = (self.rng.below(6), self.rng.below(12));
            body["if_match"] = json!([format!("b{batch}"), format!("plan-{plan}")]);
        }
        ("allocation.change_batch", body)
    }

    fn close_batch(&mut self, _: UnixMillis) -> (&'static str, Value) {
        ("allocation.close_batch", json!({ "reference": self.reference(), "reason": "damaged" }))
    }

    fn allocate(&mut self, now: UnixMillis) -> (&'static str, Value) {
        let mut body = json!({
            "order_id": self.any_order(),
            "sku": self.sku(),
            "quantity": self.quantity(16),
        });
        if self.rng.chance(60) {
            body["line_id"] = json!(self.line());
        }
        if self.rng.chance(25) {
            body["need_by"] = self.day(now);
        }
        if self.rng.chance(30) {
            body["priority"] = json!(self.rng.below(10));
        }
        if self.rng.chance(50) {
            body["short"] = json!("queue");
        }
        ("allocation.allocate", body)
    }

    fn deallocate(&mut self, _: UnixMillis) -> (&'static str, Value) {
        let mut body = self.some_line();
        body["reason"] = json!("no longer wanted");
        ("allocation.deallocate", body)
    }

    fn hold(&mut self, now: UnixMillis) -> (&'static str, Value) {
        let mut lines: Vec<Value> = if self.wide && self.rng.chance(40) {
            let count = *self.rng.pick(&[20, 60, 600]);
            (0..count).map(|number| self.narrow_line(number)).collect()
        } else {
            (0..=self.rng.below(3)).map(|_| self.hold_line(now)).collect()
        };
        // A hold with a line twice is rejected when it is parsed.
        lines.sort_by_key(|line| line["line_id"].to_string());
        lines.dedup_by_key(|line| line["line_id"].to_string());
        let ttl_s = self.ttl_s();
        ("allocation.hold", json!({ "order_id": self.order(), "lines": lines, "ttl_s": ttl_s }))
    }

    fn hold_line(&mut self, now: UnixMillis) -> Value {
        let mut line =
            json!({ "line_id": self.line(), "sku": self.sku(), "quantity": self.quantity(12) });
        if self.rng.chance(8) {
            line["need_by"] = self.day(now);
        }
        if self.rng.chance(15) {
            line["priority"] = json!(self.rng.below(10));
        }
        if self.rng.chance(20) {
            line["if_unavailable"] = json!("backorder");
        }
        line
    }

    /// One of many lines, the same one whenever the number is the same.
    fn narrow_line(&self, number: u64) -> Value {
        let sku = SKUS[usize::try_from(number % self.skus).unwrap_or(0)];
        json!({ "line_id": format!("n{number:03}"), "sku": sku, "quantity": 1 })
    }

    fn ttl_s(&mut self) -> u64 {
        *self.rng.pick(if self.hot_order { &[1, 2, 8, 60] } else { &[1, 30, 600, 86_400] })
    }

    fn extend_hold(&mut self, _: UnixMillis) -> (&'static str, Value) {
        let ttl_s = self.ttl_s();
        ("allocation.extend_hold", json!({ "order_id": self.order(), "ttl_s": ttl_s }))
    }

    fn confirm_hold(&mut self, _: UnixMillis) -> (&'static str, Value) {
        ("allocation.confirm_hold", json!({ "order_id": self.order() }))
    }

    fn release_hold(&mut self, _: UnixMillis) -> (&'static str, Value) {
        ("allocation.release_hold", json!({ "order_id": self.order() }))
    }

    fn ship(&mut self, _: UnixMillis) -> (&'static str, Value) {
        let mut body = self.some_line();
        if self.rng.chance(40) {
            body["quantity"] = json!(self.quantity(6));
        }
        ("allocation.ship", body)
    }

    fn take_back(&mut self, _: UnixMillis) -> (&'static str, Value) {
        let disposition = *self.rng.pick(&["restock", "write_off"]);
        let mut body = self.some_line();
        body["quantity"] = json!(self.quantity(4));
        body["disposition"] = json!(disposition);
        if self.rng.chance(30) {
            body["batch"] = json!(self.reference());
        }
        ("allocation.return", body)
    }

    fn sku(&mut self) -> &'static str {
        // Sometimes a SKU without stock.
        if self.rng.chance(2) {
            return SKUS[SKUS.len() - 1];
        }
        SKUS[self.rng.index(usize::try_from(self.skus).unwrap_or(1))]
    }

    /// The target, or a line that may not exist; in half of the cases with its SKU.
    fn some_line(&mut self) -> Value {
        let (sku, order, line) = match self.target.clone() {
            Some(target) => target,
            None => (self.sku().to_owned(), self.order(), self.line()),
        };
        let mut body = json!({ "order_id": order, "line_id": line });
        if self.rng.chance(50) {
            body["sku"] = json!(sku);
        }
        body
    }

    fn order(&mut self) -> String {
        if let Some((_, order, _)) = &self.target {
            return order.clone();
        }
        self.any_order()
    }

    fn any_order(&mut self) -> String {
        format!("o{}", self.rng.below(self.orders))
    }

    fn line(&mut self) -> String {
        // The default line id is the SKU.
        if self.rng.chance(40) { self.sku().to_owned() } else { format!("l{}", self.rng.below(3)) }
    }

    fn reference(&mut self) -> String {
        format!("b{}", self.rng.below(self.references))
    }

    fn quantity(&mut self, max: u64) -> u64 {
        if self.rng.chance(1) { 1_000_000_000 } else { 1 + self.rng.below(max) }
    }

    /// A day between 7 days ago and 30 days ahead.
    fn day(&mut self, now: UnixMillis) -> Value {
        let days = i64::try_from(self.rng.below(38)).unwrap_or(0) - 7;
        let now = now.0.max(NOON);
        json!(Day::of(UnixMillis(now + days * DAY_MS)).to_string())
    }
}
