//! What must come back: an answer that says something else is no throughput.

use memchr::memmem;

use super::connection::Answer;
use super::orders::OrderId;

/// What an answer was, in a word; or what was wrong with it.
pub type Seen = Result<&'static str, String>;

/// As much of an unexpected answer is told.
const TOLD_BYTES: usize = 160;

/// What is asked of answers.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// The server says the same to everybody: an answer does not name its order.
    pub is_constant: bool,
}

impl Expected {
    /// A line has its place.
    pub fn placed(self, answer: Answer<'_>, order: &OrderId) -> Seen {
        let has = |what: &[u8]| memmem::find(answer.body, what).is_some();
        let is_so = answer.status == 201 && has(PLACED) && (self.is_constant || has(order));
        is_so.then_some("placed").ok_or_else(|| told(answer))
    }

    /// Every line of many has its place.
    pub fn all_placed(self, answer: Answer<'_>, lines: usize, last: &OrderId) -> Seen {
        let is_so = answer.status == 200
            && memmem::find_iter(answer.body, PLACED).count() == lines
            && (self.is_constant || memmem::find(answer.body, last).is_some());
        is_so.then_some("all placed").ok_or_else(|| told(answer))
    }

    /// A batch is there.
    pub fn created(self, answer: Answer<'_>) -> Seen {
        let is_so = matches!(answer.status, 200 | 201);
        is_so.then_some("created").ok_or_else(|| told(answer))
    }

    /// An order that was answered before shows its line.
    pub fn shown(self, answer: Answer<'_>, order: &OrderId) -> Seen {
        let has = |what: &[u8]| memmem::find(answer.body, what).is_some();
        let is_so = answer.status == 200 && has(order) && has(br#""state":"placed""#);
        is_so.then_some("shown").ok_or_else(|| told(answer))
    }

    /// So many lines found another place.
    pub fn moved(self, answer: Answer<'_>, lines: usize) -> Seen {
        let moved = memmem::find_iter(answer.body, br#""from":""#).count();
        let is_so = answer.status == 200 && moved == lines;
        is_so.then_some("moved").ok_or_else(|| told(answer))
    }
}

const PLACED: &[u8] = br#""outcome":"placed""#;

fn told(answer: Answer<'_>) -> String {
    let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(TOLD_BYTES)]);
    format!("{} {body}", answer.status)
}

#[cfg(test)]
mod tests {
    use super::{Answer, Expected};

    const ORDER: &[u8; 16] = b"0123456789abcdef";

    #[test]
    fn an_answer_names_its_order_unless_the_server_is_constant() {
        let mine = br#"{"outcome":"placed","order_id":"0123456789abcdef"}"#;
        let other = br#"{"outcome":"placed","order_id":"fedcba9876543210"}"#;
        let placed = |is_constant, status, body: &[u8]| {
            Expected { is_constant }.placed(Answer { status, body }, ORDER).is_ok()
        };
        assert!(placed(false, 201, mine) && placed(true, 201, other));
        assert!(!placed(false, 201, other) && !placed(false, 200, mine));
    }

    #[test]
    fn every_line_of_many_must_be_placed() {
        let two = br#"[{"outcome":"placed","o":"0123456789abcdef"},{"outcome":"placed"}]"#;
        let answer = Answer { status: 200, body: two };
        let expected = Expected { is_constant: false };
        assert_eq!(expected.all_placed(answer, 2, ORDER), Ok("all placed"));
        let wrong = expected.all_placed(answer, 3, ORDER).unwrap_err();
        assert!(wrong.starts_with(r#"200 [{"outcome""#), "{wrong}");
    }
}
