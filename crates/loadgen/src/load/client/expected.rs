//! The expected responses: only those count as throughput.

use memchr::memmem;

use super::connection::Response;
use crate::load::order_ids::OrderId;

/// The kind of an expected response, or an excerpt of an unexpected one.
pub type Checked = Result<&'static str, String>;

/// Bytes of an unexpected response that are reported.
const EXCERPT_BYTES: usize = 160;

/// How strictly responses are checked.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// The server gives the same response to every request, so a response need not name its order.
    pub is_constant: bool,
}

impl Expected {
    /// The line was allocated.
    pub fn placed(self, response: Response<'_>, order: &OrderId) -> Checked {
        let has = |what: &[u8]| memmem::find(response.body, what).is_some();
        let is_so = response.status == 201 && has(PLACED) && (self.is_constant || has(order));
        is_so.then_some("placed").ok_or_else(|| excerpt(response))
    }

    /// Every line was allocated.
    pub fn all_placed(self, response: Response<'_>, lines: usize, last: &OrderId) -> Checked {
        let is_so = response.status == 200
            && memmem::find_iter(response.body, PLACED).count() == lines
            && (self.is_constant || memmem::find(response.body, last).is_some());
        is_so.then_some("all placed").ok_or_else(|| excerpt(response))
    }

    /// The batch exists.
    pub fn created(self, response: Response<'_>) -> Checked {
        let is_so = matches!(response.status, 200 | 201);
        is_so.then_some("created").ok_or_else(|| excerpt(response))
    }

    /// The order shows its line.
    pub fn shown(self, response: Response<'_>, order: &OrderId) -> Checked {
        let has = |what: &[u8]| memmem::find(response.body, what).is_some();
        let is_so = response.status == 200 && has(order) && has(br#""state":"placed""#);
        is_so.then_some("shown").ok_or_else(|| excerpt(response))
    }

    /// This many lines moved to another batch.
    pub fn moved(self, response: Response<'_>, lines: usize) -> Checked {
        let moved = memmem::find_iter(response.body, br#""from":""#).count();
        let is_so = response.status == 200 && moved == lines;
        is_so.then_some("moved").ok_or_else(|| excerpt(response))
    }
}

const PLACED: &[u8] = br#""outcome":"placed""#;

fn excerpt(response: Response<'_>) -> String {
    let body = String::from_utf8_lossy(&response.body[..response.body.len().min(EXCERPT_BYTES)]);
    format!("{} {body}", response.status)
}

#[cfg(test)]
mod tests {
    use super::{Expected, Response};

    const ORDER: &[u8; 16] = b"0123456789abcdef";

    #[test]
    fn an_answer_names_its_order_unless_the_server_is_constant() {
        let mine = br#"{"outcome":"placed","order_id":"0123456789abcdef"}"#;
        let other = br#"{"outcome":"placed","order_id":"fedcba9876543210"}"#;
        let placed = |is_constant, status, body: &[u8]| {
            Expected { is_constant }.placed(Response { status, body }, ORDER).is_ok()
        };
        assert!(placed(false, 201, mine) && placed(true, 201, other));
        assert!(!placed(false, 201, other) && !placed(false, 200, mine));
    }

    #[test]
    fn every_line_of_many_must_be_placed() {
        let two = br#"[{"outcome":"placed","o":"0123456789abcdef"},{"outcome":"placed"}]"#;
        let answer = Response { status: 200, body: two };
        let expected = Expected { is_constant: false };
        assert_eq!(expected.all_placed(answer, 2, ORDER), Ok("all placed"));
        let wrong = expected.all_placed(answer, 3, ORDER).unwrap_err();
        assert!(wrong.starts_with(r#"200 [{"outcome""#), "{wrong}");
    }
}
