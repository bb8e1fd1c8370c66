//! The requests of clients: every command of the allocation service, over few SKUs so that they
//! interact.

use std::sync::{Arc, Mutex, PoisonError};

use crate::client::Response;
use crate::request::{OrderLine, Request};

/// References of batches that clients have created, which all clients change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batches(Arc<Mutex<Vec<String>>>);

/// Most batches remembered; the oldest are forgotten.
const BATCHES_MAX: usize = 200;
/// Most lines and holds that a client remembers.
const KNOWN_MAX: usize = 50;

/// The workload of one client.
pub(crate) struct Workload {
    rng: fastrand::Rng,
    name: String,
    count: u64,
    skus: u64,
    batches: Batches,
    lines: Vec<OrderLine>,
    holds: Vec<String>,
}

#[derive(Clone, Copy)]
enum RequestKind {
    Allocate,
    Bulk,
    Compat,
    Batch,
    Quantity,
    Eta,
    Close,
    Release,
    Hold,
    Confirm,
    ReleaseHold,
    Ship,
    Return,
}

const MIX: [(u64, RequestKind); 13] = [
    (36, RequestKind::Allocate),
    (3, RequestKind::Bulk),
    (6, RequestKind::Compat),
    (8, RequestKind::Batch),
    (10, RequestKind::Quantity),
    (4, RequestKind::Eta),
    (2, RequestKind::Close),
    (8, RequestKind::Release),
    (9, RequestKind::Hold),
    (4, RequestKind::Confirm),
    (2, RequestKind::ReleaseHold),
    (5, RequestKind::Ship),
    (3, RequestKind::Return),
];

impl Workload {
    /// `name` is in every key, order and reference; `sku_set` in every SKU.
    pub(crate) fn new(name: String, seed: u64, batches: &Batches) -> Self {
        let (rng, batches) = (fastrand::Rng::with_seed(seed), batches.clone());
        Self { rng, name, count: 0, skus: 0, batches, lines: Vec::new(), holds: Vec::new() }
    }

    /// Uses another set of SKUs from now on.
    pub(crate) fn sku_set(mut self, sku_set: u64) -> Self {
        self.skus = sku_set;
        self
    }

    /// The next request, with a key of its own.
    pub(crate) fn next(&mut self) -> Request {
        let mut left = self.rng.u64(0..MIX.iter().map(|(weight, _)| weight).sum());
        for (weight, kind) in MIX {
            if left < weight {
                return self.request(kind);
            }
            left -= weight;
        }
        self.request(RequestKind::Allocate)
    }

    /// Remembers lines and holds of a successful request.
    pub(crate) fn learn(&mut self, request: &Request, response: &Response) {
        if !matches!(response.status, 200..=202) || request.order_lines.is_empty() {
            return;
        }
        if request.path == "/v1/holds" {
            self.holds.push(request.order_lines[0].order.clone());
        }
        self.lines.extend(request.order_lines.iter().cloned());
        forget(&mut self.lines);
        forget(&mut self.holds);
    }

    fn request(&mut self, kind: RequestKind) -> Request {
        self.count += 1;
        let key = format!("{}-{}", self.name, self.count);
        let made = match kind {
            RequestKind::Allocate => None,
            RequestKind::Bulk => Some(self.bulk(&key)),
            RequestKind::Compat => Some(self.compat(&key)),
            RequestKind::Batch => Some(self.batch(&key)),
            RequestKind::Quantity => self.quantity(&key),
            RequestKind::Eta => self.eta(&key),
            RequestKind::Close => self.close(&key),
            RequestKind::Release => self.release(&key),
            RequestKind::Hold => Some(self.hold(&key)),
            RequestKind::Confirm => self.confirm(&key),
            RequestKind::ReleaseHold => self.release_hold(&key),
            RequestKind::Ship => self.ship(&key),
            RequestKind::Return => self.take_back(&key),
        };
        // Without a batch, line or hold to change, it allocates.
        made.unwrap_or_else(|| self.allocate(&key))
    }

    fn sku(&mut self) -> String {
        format!("SKU-{}-{}", self.skus, self.rng.u8(0..8))
    }

    fn order_line(&mut self, key: &str, line: Option<&str>) -> OrderLine {
        let (sku, quantity) = (self.sku(), self.rng.u64(1..=6));
        let line = line.map_or_else(|| sku.clone(), str::to_owned);
        OrderLine { order: format!("o-{key}"), line, sku, quantity }
    }

    pub(crate) fn allocate(&mut self, key: &str) -> Request {
        let it = self.order_line(key, None);
        let short = if self.rng.bool() { "queue" } else { "reject" };
        let body = format!(
            r#"{{"order_id":"{}","sku":"{}","quantity":{},"priority":{},"short":"{short}"}}"#,
            it.order,
            it.sku,
            it.quantity,
            self.rng.u8(1..=9)
        );
        request(key, "POST", "/v1/allocations", body, vec![it])
    }

    fn bulk(&mut self, key: &str) -> Request {
        let count = self.rng.usize(2..=6);
        let order_lines: Vec<OrderLine> =
            (0..count).map(|at| self.order_line(key, Some(&format!("l{at}")))).collect();
        let lines: Vec<String> = order_lines
            .iter()
            .map(|it| {
                format!(
                    r#"{{"order_id":"{}","line_id":"{}","sku":"{}","quantity":{}}}"#,
                    it.order, it.line, it.sku, it.quantity
                )
            })
            .collect();
        let body = format!("[{}]", lines.join(","));
        request(key, "POST", "/v1/allocations/bulk", body, order_lines)
    }

    fn compat(&mut self, key: &str) -> Request {
        let it = self.order_line(key, None);
        let (order, sku, quantity) = (&it.order, &it.sku, it.quantity);
        let body = format!(r#"{{"orderid":"{order}","sku":"{sku}","qty":{quantity}}}"#);
        request(key, "POST", "/allocate", body, vec![it])
    }

    pub(crate) fn batch(&mut self, key: &str) -> Request {
        let reference = format!("b-{key}");
        self.batches.lock().push(reference.clone());
        let (sku, quantity) = (self.sku(), self.rng.u32(5..=120));
        if self.rng.u8(0..4) == 0 {
            let body =
                format!(r#"{{"ref":"{reference}","sku":"{sku}","qty":{quantity},"eta":null}}"#);
            return request(key, "POST", "/add_batch", body, Vec::new());
        }
        let eta = self.day();
        let body = format!(
            r#"{{"reference":"{reference}","sku":"{sku}","quantity":{quantity},"eta":{eta}}}"#
        );
        request(key, "POST", "/v1/batches", body, Vec::new())
    }

    fn day(&mut self) -> String {
        match self.rng.u8(0..2) {
            0 => "null".to_owned(),
            _ => format!("\"2030-0{}-1{}\"", self.rng.u8(1..=9), self.rng.u8(0..=9)),
        }
    }

    fn known_batch(&mut self) -> Option<String> {
        let batches = self.batches.lock();
        (!batches.is_empty()).then(|| batches[self.rng.usize(0..batches.len())].clone())
    }

    pub(crate) fn quantity(&mut self, key: &str) -> Option<Request> {
        let path = format!("/v1/batches/{}", self.known_batch()?);
        let body = format!(r#"{{"quantity":{},"reason":"counted"}}"#, self.rng.u32(0..=100));
        Some(request(key, "PATCH", &path, body, Vec::new()))
    }

    fn eta(&mut self, key: &str) -> Option<Request> {
        let path = format!("/v1/batches/{}", self.known_batch()?);
        let body = format!(r#"{{"eta":{},"reason":"delayed"}}"#, self.day());
        Some(request(key, "PATCH", &path, body, Vec::new()))
    }

    fn close(&mut self, key: &str) -> Option<Request> {
        let path = format!("/v1/batches/{}/close", self.known_batch()?);
        Some(request(key, "POST", &path, r#"{"reason":"burnt"}"#.to_owned(), Vec::new()))
    }

    fn known_line(&mut self) -> Option<OrderLine> {
        let at = (!self.lines.is_empty()).then(|| self.rng.usize(0..self.lines.len()))?;
        Some(self.lines[at].clone())
    }

    fn release(&mut self, key: &str) -> Option<Request> {
        let OrderLine { order, line, .. } = self.known_line()?;
        let path = format!("/v1/allocations/{order}/{line}");
        Some(request(key, "DELETE", &path, String::new(), Vec::new()))
    }

    pub(crate) fn hold(&mut self, key: &str) -> Request {
        let count = self.rng.usize(2..=3);
        let order_lines: Vec<OrderLine> =
            (0..count).map(|at| self.order_line(key, Some(&format!("l{at}")))).collect();
        let line = |it: &OrderLine| {
            format!(r#"{{"line_id":"{}","sku":"{}","quantity":{}}}"#, it.line, it.sku, it.quantity)
        };
        let lines: Vec<String> = order_lines.iter().map(line).collect();
        let (order, ttl) = (&order_lines[0].order, self.rng.u8(1..=3));
        let body =
            format!(r#"{{"order_id":"{order}","lines":[{}],"ttl_s":{ttl}}}"#, lines.join(","));
        request(key, "POST", "/v1/holds", body, order_lines)
    }

    fn confirm(&mut self, key: &str) -> Option<Request> {
        let path = format!("/v1/holds/{}/confirm", self.holds.pop()?);
        Some(request(key, "POST", &path, "{}".to_owned(), Vec::new()))
    }

    fn release_hold(&mut self, key: &str) -> Option<Request> {
        let path = format!("/v1/holds/{}", self.holds.pop()?);
        Some(request(key, "DELETE", &path, String::new(), Vec::new()))
    }

    fn ship(&mut self, key: &str) -> Option<Request> {
        let OrderLine { order, line, .. } = self.known_line()?;
        let body = format!(r#"{{"order_id":"{order}","line_id":"{line}"}}"#);
        Some(request(key, "POST", "/v1/shipments", body, Vec::new()))
    }

    fn take_back(&mut self, key: &str) -> Option<Request> {
        let OrderLine { order, line, .. } = self.known_line()?;
        let how = if self.rng.bool() { "restock" } else { "write_off" };
        let body = format!(
            r#"{{"order_id":"{order}","line_id":"{line}","quantity":1,"disposition":"{how}"}}"#
        );
        Some(request(key, "POST", "/v1/returns", body, Vec::new()))
    }
}

impl Batches {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if batches.len() > BATCHES_MAX {
            batches.drain(..BATCHES_MAX / 2);
        }
        batches
    }
}

fn forget<T>(known: &mut Vec<T>) {
    if known.len() > KNOWN_MAX {
        known.drain(..KNOWN_MAX / 2);
    }
}

fn request(
    key: &str,
    method: &'static str,
    path: &str,
    body: String,
    order_lines: Vec<OrderLine>,
) -> Request {
    Request { key: key.to_owned(), method, path: path.to_owned(), body, order_lines }
}
