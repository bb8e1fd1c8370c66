//! Two requests on the hold of one order at the same time, and what must be true afterwards.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::client::{Client, Response};
use crate::clock::sleep;
use crate::request::Request;
use crate::violation::{Checked, Violation};

/// The states of a hold on which an operation is open.
const OPEN: [&str; 4] = ["holding", "confirming", "releasing", "expiring"];
/// An operation must end within this many reads.
const REST_READS_MAX: usize = 400;
/// Time between two reads of an order on which an operation is open.
const REST_PAUSE: Duration = Duration::from_millis(25);

/// What is sent about the order of a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Holds the lines.
    Hold,
    /// Holds the lines and one more.
    HoldMore,
    /// Holds the lines and one for which there is no stock.
    HoldTooMuch,
    Confirm,
    Release,
    Extend,
    /// Waits until the hold ends, and then confirms it.
    ConfirmAtEnd,
    /// Allocates one of the lines directly.
    Allocate,
    /// Deallocates one of the lines.
    Deallocate,
}

pub(crate) const KINDS: [Kind; 9] = [
    Kind::Hold,
    Kind::HoldMore,
    Kind::HoldTooMuch,
    Kind::Confirm,
    Kind::Release,
    Kind::Extend,
    Kind::ConfirmAtEnd,
    Kind::Allocate,
    Kind::Deallocate,
];

/// One race: an order, its lines, and two requests.
pub(crate) struct Race {
    pub(crate) order: String,
    pub(crate) skus: Vec<usize>,
    /// Whether the lines are held before.
    pub(crate) held: bool,
    pub(crate) kinds: [Kind; 2],
    pub(crate) ttl_s: u64,
}

/// A request and its answer.
struct Answered {
    kind: Kind,
    status: u16,
    body: Value,
}

impl Race {
    fn lines(&self) -> Vec<Value> {
        let mut numbers = self.skus.clone();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.iter().map(|it| json!({ "sku": sku(*it), "quantity": 1 })).collect()
    }

    async fn send(&self, client: &mut Client, kind: Kind) -> Checked<Answered> {
        let (order, mut lines) = (&self.order, self.lines());
        let first = sku(self.skus[0]);
        let hold =
            |lines: Vec<Value>| json!({ "order_id": order, "lines": lines, "ttl_s": self.ttl_s });
        let confirm = format!("/v1/holds/{order}/confirm");
        let response = match kind {
            Kind::Hold => post(client, "/v1/holds", &hold(lines)).await?,
            Kind::HoldMore => {
                lines.push(json!({ "line_id": "more", "sku": "SKU-1", "quantity": 1 }));
                post(client, "/v1/holds", &hold(lines)).await?
            }
            Kind::HoldTooMuch => {
                lines.push(json!({ "sku": "NONE", "quantity": 1 }));
                post(client, "/v1/holds", &hold(lines)).await?
            }
            Kind::Confirm | Kind::ConfirmAtEnd => post(client, &confirm, &json!({})).await?,
            Kind::Release => delete(client, &format!("/v1/holds/{order}")).await?,
            Kind::Extend => {
                let path = format!("/v1/holds/{order}/extend");
                post(client, &path, &json!({ "ttl_s": self.ttl_s })).await?
            }
            Kind::Allocate => {
                let body = json!({ "order_id": order, "sku": first, "quantity": 1 });
                post(client, "/v1/allocations", &body).await?
            }
            Kind::Deallocate => delete(client, &format!("/v1/allocations/{order}/{first}")).await?,
        };
        let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        if response.status >= 500 {
            return Err(Violation::of_key(order, format!("{kind:?}: {} {body}", response.status)));
        }
        Ok(Answered { kind, status: response.status, body })
    }

    pub(crate) async fn run(&self, clients: [Client; 3]) -> Checked<[Client; 3]> {
        let [mut one, mut two, mut observer] = clients;
        if self.held {
            let answered = self.send(&mut observer, Kind::Hold).await?;
            if answered.status != 201 {
                let what = format!("not held: {} {}", answered.status, answered.body);
                return Err(Violation::of_key(&self.order, what));
            }
        }
        if self.kinds.contains(&Kind::ConfirmAtEnd) {
            sleep(Duration::from_millis(self.ttl_s * 1_000 - 3)).await;
        }
        let gate = Barrier::new(2);
        let first = async {
            gate.wait().await;
            self.send(&mut one, self.kinds[0]).await
        };
        let second = async {
            gate.wait().await;
            self.send(&mut two, self.kinds[1]).await
        };
        let (first, second) = tokio::join!(first, second);
        let answers = [first?, second?];
        self.check(&mut observer, &answers).await?;
        Ok([one, two, observer])
    }

    /// Compares the answers with the lines and the hold of the order.
    async fn check(&self, observer: &mut Client, answers: &[Answered; 2]) -> Checked<()> {
        let (hold, lines) = self.at_rest(observer).await?;
        let phase = hold["state"].as_str().unwrap_or("none");
        let wrong = |what: &str| {
            let answers: Vec<_> = answers
                .iter()
                .map(|it| format!("{:?}: {} {}", it.kind, it.status, it.body))
                .collect();
            let what = format!("{what}; {answers:#?}; the hold: {hold}; the lines: {lines:?}");
            Err(Violation::of_key(&self.order, what))
        };
        let is = |kind: Kind, status: u16| {
            answers.iter().any(|it| it.kind == kind && it.status == status)
        };
        let count = |state: &str| lines.iter().filter(|(_, found)| found == state).count();
        let direct = usize::from(is(Kind::Allocate, 201));
        // An expired hold may not have been given back yet.
        let (held, placed) = (count("held"), count("placed") - count("placed").min(direct));
        if held > 0 && placed > 0 {
            return wrong("some lines are held and others confirmed");
        }
        let of_hold = self.lines().len();
        if placed > 0 && placed + usize::from(is(Kind::Deallocate, 200)) < of_hold {
            return wrong("not all lines are confirmed");
        }
        if held > 0 && held < of_hold {
            return wrong("not all lines are held");
        }
        let confirmed = is(Kind::Confirm, 200) || is(Kind::ConfirmAtEnd, 200);
        if confirmed && (held > 0 || !matches!(phase, "confirmed" | "held")) {
            return wrong("confirmed, but not so");
        }
        if is(Kind::Release, 200) && confirmed && !self.sends_holds() {
            return wrong("confirmed and released");
        }
        if is(Kind::HoldTooMuch, 201) || lines.iter().any(|(line, _)| line == "NONE") {
            return wrong("a line without stock is held");
        }
        let is_refused = |it: &Answered| (400..500).contains(&it.status);
        let none =
            answers.iter().filter(|it| is_refused(it)).all(|it| it.body["outcome"] == "none");
        if !none {
            return wrong("a refusal does not say that nothing was done");
        }
        if answers.iter().all(is_refused) && !self.held && !lines.is_empty() {
            return wrong("nothing was done, but there are lines");
        }
        Ok(())
    }

    /// The hold and the lines of the order, when no operation on them is open.
    async fn at_rest(&self, observer: &mut Client) -> Checked<(Value, Vec<(String, String)>)> {
        for _ in 0..REST_READS_MAX {
            let before = self.hold(observer).await?;
            let lines = self.lines_of(observer).await?;
            let hold = self.hold(observer).await?;
            if before == hold && !OPEN.iter().any(|open| hold["state"] == *open) {
                return Ok((hold, lines));
            }
            sleep(REST_PAUSE).await;
        }
        Err(Violation::of_key(&self.order, "an operation on the hold does not end"))
    }

    async fn hold(&self, observer: &mut Client) -> Checked<Value> {
        let path = format!("/v1/holds/{}", self.order);
        let hold = observer.get(&path).await.map_err(|error| format!("{path}: {error:?}"))?;
        expect(&hold, &[200, 404])?;
        let body = serde_json::from_slice(&hold.body).unwrap_or(Value::Null);
        Ok(if hold.status == 200 { body } else { Value::Null })
    }

    fn sends_holds(&self) -> bool {
        let holds = [Kind::Hold, Kind::HoldMore];
        self.kinds.iter().any(|kind| holds.contains(kind))
    }

    /// The lines of the order with their states.
    async fn lines_of(&self, observer: &mut Client) -> Checked<Vec<(String, String)>> {
        let path = format!("/v1/orders/{}/allocations", self.order);
        let found = observer.get(&path).await.map_err(|error| format!("{path}: {error:?}"))?;
        if found.status == 404 {
            return Ok(Vec::new());
        }
        expect(&found, &[200])?;
        let body: Value = serde_json::from_slice(&found.body).unwrap_or(Value::Null);
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        let lines = body["lines"].as_array().into_iter().flatten();
        Ok(lines.map(|it| (text(&it["line_id"]), text(&it["state"]))).collect())
    }
}

async fn delete(client: &mut Client, path: &str) -> Checked<Response> {
    let request = Request {
        key: String::new(),
        method: "DELETE",
        path: path.to_owned(),
        body: String::new(),
        order_lines: Vec::new(),
    };
    client.request(&request).await.map_err(|error| format!("{path}: {error:?}").into())
}

pub(crate) fn sku(number: usize) -> String {
    format!("SKU-{number}")
}

pub(crate) fn expect(response: &Response, statuses: &[u16]) -> Checked<()> {
    if statuses.contains(&response.status) {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&response.body);
    Err(format!("answered {} instead of {statuses:?}: {body}", response.status).into())
}

pub(crate) async fn post(client: &mut Client, path: &str, body: &Value) -> Checked<Response> {
    let request = Request {
        key: String::new(),
        method: "POST",
        path: path.to_owned(),
        body: body.to_string(),
        order_lines: Vec::new(),
    };
    client.request(&request).await.map_err(|error| format!("{path}: {error:?}").into())
}
