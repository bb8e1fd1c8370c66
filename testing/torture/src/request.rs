//! A request with its idempotency key and the order lines that it is about.

/// An order line of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OrderLine {
    pub(crate) order: String,
    pub(crate) line: String,
    pub(crate) sku: String,
    pub(crate) quantity: u64,
}

/// A request that changes something.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) key: String,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) order_lines: Vec<OrderLine>,
}

impl Request {
    /// The request as bytes of HTTP/1.1.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_with(&self.body)
    }

    /// The same key and path with another body.
    pub(crate) fn bytes_with(&self, body: &str) -> Vec<u8> {
        let Self { key, method, path, .. } = self;
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: earmark\r\n");
        if !key.is_empty() {
            head.push_str(&format!("idempotency-key: {key}\r\n"));
        }
        if !body.is_empty() {
            head.push_str("content-type: application/json\r\n");
        }
        format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// Whether it has several lines with an outcome each.
    pub(crate) fn is_bulk(&self) -> bool {
        self.path.ends_with("/bulk")
    }
}
