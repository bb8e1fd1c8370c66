//! What clients ask for: every command of allocation, over few SKUs, so that they meet.

use std::sync::{Arc, Mutex, PoisonError};

use crate::client::Reply;
use crate::request::{Request, Wanted};

/// Batches that clients have created, for all of them to change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batches(Arc<Mutex<Vec<String>>>);

/// Batches beyond this are forgotten: what is changed is what was created lately.
const BATCHES_MAX: usize = 200;
/// Lines and holds that a client remembers.
const KNOWN_MAX: usize = 50;

/// One client's wishes.
pub(crate) struct Wisher {
    dice: fastrand::Rng,
    name: String,
    count: u64,
    skus: u64,
    batches: Batches,
    lines: Vec<Wanted>,
    holds: Vec<String>,
}

#[derive(Clone, Copy)]
enum Wish {
    Allocate,
    Bulk,
    Book,
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

const WISHES: [(u64, Wish); 13] = [
    (36, Wish::Allocate),
    (3, Wish::Bulk),
    (6, Wish::Book),
    (8, Wish::Batch),
    (10, Wish::Quantity),
    (4, Wish::Eta),
    (2, Wish::Close),
    (8, Wish::Release),
    (9, Wish::Hold),
    (4, Wish::Confirm),
    (2, Wish::ReleaseHold),
    (5, Wish::Ship),
    (3, Wish::Return),
];

impl Wisher {
    /// `name` is in every key, order and reference; `era` in every SKU.
    pub(crate) fn new(name: String, seed: u64, batches: &Batches) -> Self {
        let (dice, batches) = (fastrand::Rng::with_seed(seed), batches.clone());
        Self { dice, name, count: 0, skus: 0, batches, lines: Vec::new(), holds: Vec::new() }
    }

    /// From now on other SKUs are wanted.
    pub(crate) fn era(mut self, era: u64) -> Self {
        self.skus = era;
        self
    }

    /// What is wanted next, under a key of its own.
    pub(crate) fn next(&mut self) -> Request {
        let mut left = self.dice.u64(0..WISHES.iter().map(|(weight, _)| weight).sum());
        for (weight, wish) in WISHES {
            if left < weight {
                return self.wish(wish);
            }
            left -= weight;
        }
        self.wish(Wish::Allocate)
    }

    /// Hears what came of a request.
    pub(crate) fn learn(&mut self, request: &Request, reply: &Reply) {
        if !matches!(reply.status, 200..=202) || request.wants.is_empty() {
            return;
        }
        if request.path == "/v1/holds" {
            self.holds.push(request.wants[0].order.clone());
        }
        self.lines.extend(request.wants.iter().cloned());
        forget(&mut self.lines);
        forget(&mut self.holds);
    }

    fn wish(&mut self, wish: Wish) -> Request {
        self.count += 1;
        let key = format!("{}-{}", self.name, self.count);
        let made = match wish {
            Wish::Allocate => None,
            Wish::Bulk => Some(self.bulk(&key)),
            Wish::Book => Some(self.book(&key)),
            Wish::Batch => Some(self.batch(&key)),
            Wish::Quantity => self.quantity(&key),
            Wish::Eta => self.eta(&key),
            Wish::Close => self.close(&key),
            Wish::Release => self.release(&key),
            Wish::Hold => Some(self.hold(&key)),
            Wish::Confirm => self.confirm(&key),
            Wish::ReleaseHold => self.release_hold(&key),
            Wish::Ship => self.ship(&key),
            Wish::Return => self.take_back(&key),
        };
        // Who knows nothing to change begins something.
        made.unwrap_or_else(|| self.allocate(&key))
    }

    fn sku(&mut self) -> String {
        format!("SKU-{}-{}", self.skus, self.dice.u8(0..8))
    }

    fn wanted(&mut self, key: &str, line: Option<&str>) -> Wanted {
        let (sku, quantity) = (self.sku(), self.dice.u64(1..=6));
        let line = line.map_or_else(|| sku.clone(), str::to_owned);
        Wanted { order: format!("o-{key}"), line, sku, quantity }
    }

    pub(crate) fn allocate(&mut self, key: &str) -> Request {
        let it = self.wanted(key, None);
        let short = if self.dice.bool() { "queue" } else { "reject" };
        let body = format!(
            r#"{{"order_id":"{}","sku":"{}","quantity":{},"priority":{},"short":"{short}"}}"#,
            it.order,
            it.sku,
            it.quantity,
            self.dice.u8(1..=9)
        );
        request(key, "POST", "/v1/allocations", body, vec![it])
    }

    fn bulk(&mut self, key: &str) -> Request {
        let count = self.dice.usize(2..=6);
        let wants: Vec<Wanted> =
            (0..count).map(|at| self.wanted(key, Some(&format!("l{at}")))).collect();
        let lines: Vec<String> = wants
            .iter()
            .map(|it| {
                format!(
                    r#"{{"order_id":"{}","line_id":"{}","sku":"{}","quantity":{}}}"#,
                    it.order, it.line, it.sku, it.quantity
                )
            })
            .collect();
        let body = format!("[{}]", lines.join(","));
        request(key, "POST", "/v1/allocations/bulk", body, wants)
    }

    fn book(&mut self, key: &str) -> Request {
        let it = self.wanted(key, None);
        let (order, sku, quantity) = (&it.order, &it.sku, it.quantity);
        let body = format!(r#"{{"orderid":"{order}","sku":"{sku}","qty":{quantity}}}"#);
        request(key, "POST", "/allocate", body, vec![it])
    }

    pub(crate) fn batch(&mut self, key: &str) -> Request {
        let reference = format!("b-{key}");
        self.batches.lock().push(reference.clone());
        let (sku, quantity) = (self.sku(), self.dice.u32(5..=120));
        if self.dice.u8(0..4) == 0 {
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
        match self.dice.u8(0..2) {
            0 => "null".to_owned(),
            _ => format!("\"2030-0{}-1{}\"", self.dice.u8(1..=9), self.dice.u8(0..=9)),
        }
    }

    fn known_batch(&mut self) -> Option<String> {
        let batches = self.batches.lock();
        (!batches.is_empty()).then(|| batches[self.dice.usize(0..batches.len())].clone())
    }

    pub(crate) fn quantity(&mut self, key: &str) -> Option<Request> {
        let path = format!("/v1/batches/{}", self.known_batch()?);
        let body = format!(r#"{{"quantity":{},"reason":"counted"}}"#, self.dice.u32(0..=100));
        Some(request(key, "PATCH", &path, body, Vec::new()))
    }

    fn eta(&mut self, key: &str) -> Option<Request> {
        let path = format!("/v1/batches/{}", self.known_batch()?);
        let body = format!(r#"{{"eta":{},"reason":"told"}}"#, self.day());
        Some(request(key, "PATCH", &path, body, Vec::new()))
    }

    fn close(&mut self, key: &str) -> Option<Request> {
        let path = format!("/v1/batches/{}/close", self.known_batch()?);
        Some(request(key, "POST", &path, r#"{"reason":"burnt"}"#.to_owned(), Vec::new()))
    }

    fn known_line(&mut self) -> Option<Wanted> {
        let at = (!self.lines.is_empty()).then(|| self.dice.usize(0..self.lines.len()))?;
        Some(self.lines[at].clone())
    }

    fn release(&mut self, key: &str) -> Option<Request> {
        let Wanted { order, line, .. } = self.known_line()?;
        let path = format!("/v1/allocations/{order}/{line}");
        Some(request(key, "DELETE", &path, String::new(), Vec::new()))
    }

    pub(crate) fn hold(&mut self, key: &str) -> Request {
        let count = self.dice.usize(2..=3);
        let wants: Vec<Wanted> =
            (0..count).map(|at| self.wanted(key, Some(&format!("l{at}")))).collect();
        let line = |it: &Wanted| {
            format!(r#"{{"line_id":"{}","sku":"{}","quantity":{}}}"#, it.line, it.sku, it.quantity)
        };
        let lines: Vec<String> = wants.iter().map(line).collect();
        let (order, ttl) = (&wants[0].order, self.dice.u8(1..=3));
        let body =
            format!(r#"{{"order_id":"{order}","lines":[{}],"ttl_s":{ttl}}}"#, lines.join(","));
        request(key, "POST", "/v1/holds", body, wants)
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
        let Wanted { order, line, .. } = self.known_line()?;
        let body = format!(r#"{{"order_id":"{order}","line_id":"{line}"}}"#);
        Some(request(key, "POST", "/v1/shipments", body, Vec::new()))
    }

    fn take_back(&mut self, key: &str) -> Option<Request> {
        let Wanted { order, line, .. } = self.known_line()?;
        let how = if self.dice.bool() { "restock" } else { "write_off" };
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
    wants: Vec<Wanted>,
) -> Request {
    Request { key: key.to_owned(), method, path: path.to_owned(), body, wants }
}
