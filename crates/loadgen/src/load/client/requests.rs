//! Requests rendered once; for each request only the order id and the SKU are overwritten.

use crate::load::order_ids::{ID_BYTES, OrderId};

/// A SKU is an `S` and this many digits.
const SKU_DIGITS: usize = 8;

/// A rendered request.
#[derive(Clone, Debug)]
pub struct Rendered {
    bytes: Vec<u8>,
    /// Offsets of the order id and the SKU of each line.
    lines: Vec<(usize, usize)>,
}

impl Rendered {
    /// Allocates one line.
    pub fn line(host: &str) -> Self {
        let line = line_of();
        Self::of(post(host, "/v1/allocations", &line))
    }

    /// Allocates many lines.
    pub fn bulk(host: &str, lines: usize) -> Self {
        let lines = vec![line_of(); lines].join(",");
        Self::of(post(host, "/v1/allocations/bulk", &format!("[{lines}]")))
    }

    /// Reads an order's lines.
    pub fn read(host: &str) -> Self {
        let order = "_".repeat(ID_BYTES);
        let bytes = get(host, &format!("/v1/orders/{order}/allocations"));
        let at = find(&bytes, order.as_bytes()).expect("it was just put there");
        Self { bytes, lines: vec![(at, usize::MAX)] }
    }

    /// Finds the offsets of order ids and SKUs.
    fn of(bytes: Vec<u8>) -> Self {
        let order = "_".repeat(ID_BYTES);
        let mut lines = Vec::new();
        let mut from = 0;
        while let Some(found) = find(&bytes[from..], order.as_bytes()) {
            let at = from + found;
            from = at + ID_BYTES;
            let digits = find(&bytes[from..], b"\"S").expect("a SKU follows its order");
            lines.push((at, from + digits + 2));
        }
        Self { bytes, lines }
    }

    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes the order of a line.
    pub fn order(&mut self, line: usize, order: &OrderId) {
        let at = self.lines[line].0;
        self.bytes[at..at + ID_BYTES].copy_from_slice(order);
    }

    /// Writes the SKU of a line.
    pub fn sku(&mut self, line: usize, mut sku: u32) {
        let at = self.lines[line].1;
        for digit in self.bytes[at..at + SKU_DIGITS].iter_mut().rev() {
            *digit = b'0' + u8::try_from(sku % 10).expect("a digit");
            sku /= 10;
        }
    }
}

/// The SKU of a number.
pub fn sku_name(sku: u32) -> String {
    format!("S{sku:0SKU_DIGITS$}")
}

pub fn get(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes()
}

pub fn post(host: &str, path: &str, body: &str) -> Vec<u8> {
    with_body("POST", host, path, body)
}

pub fn patch(host: &str, path: &str, body: &str) -> Vec<u8> {
    with_body("PATCH", host, path, body)
}

fn with_body(method: &str, host: &str, path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

fn line_of() -> String {
    let (order, sku) = ("_".repeat(ID_BYTES), sku_name(0));
    format!(r#"{{"order_id":"{order}","sku":"{sku}","quantity":1}}"#)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::Rendered;

    fn text(request: &Rendered) -> String {
        String::from_utf8(request.bytes().to_vec()).unwrap().replace("\r\n", "\n")
    }

    #[test]
    fn order_and_sku_are_overwritten() {
        let mut line = Rendered::line("localhost");
        line.order(0, b"0123456789abcdef");
        line.sku(0, 4711);
        assert_snapshot!(text(&line), @r#"
        POST /v1/allocations HTTP/1.1
        host: localhost
        content-type: application/json
        content-length: 62

        {"order_id":"0123456789abcdef","sku":"S00004711","quantity":1}
        "#);
    }

    #[test]
    fn each_line_of_a_bulk_request_has_its_own_order_and_sku() {
        let mut bulk = Rendered::bulk("localhost", 2);
        assert_eq!(bulk.lines(), 2);
        bulk.order(1, b"fedcba9876543210");
        bulk.sku(1, 9);
        assert_snapshot!(text(&bulk).lines().last().unwrap(), @r#"[{"order_id":"________________","sku":"S00000000","quantity":1},{"order_id":"fedcba9876543210","sku":"S00000009","quantity":1}]"#);
    }

    #[test]
    fn an_order_is_read_by_its_path() {
        let mut read = Rendered::read("localhost");
        read.order(0, b"0123456789abcdef");
        assert!(text(&read).starts_with("GET /v1/orders/0123456789abcdef/allocations HTTP/1.1\n"));
    }
}
