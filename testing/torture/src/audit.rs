//! The final audit: the responses, the log, the feed and the views must agree.

use std::time::Duration;

use crate::auditor::{Auditor, LineId};
use crate::client::Client;
use crate::history::{Entry, describe};
use crate::report::Figures;
use crate::request::OrderLine;
use crate::stock::StockLevel;
use crate::violation::{Checked, Violation};
use crate::world::World;

impl World {
    /// Starts a server, completes everything that was accepted, and checks all guarantees.
    pub(crate) async fn audit(&mut self, sample: usize) -> Checked<()> {
        let (mut server, address) = self.start().await?;
        self.resolve(address).await?;
        let entries = self.sample(sample / 4, sample);
        self.repeat(address, entries).join_all().await;
        self.history.check()?;
        let shown = self.wait_until_quiet(address).await?;
        let mut client = Client::of(address);
        if !self.feed.read(&mut client, usize::MAX).await? {
            return Err("the feed cannot be read".to_owned().into());
        }
        client.disconnect(false);
        server.stop().await?;
        self.read_log().await?;
        self.verify().await?;
        self.feed.compare(&self.auditor)?;
        compare(&self.auditor, &shown)?;
        self.compare_answers()
    }

    /// Every response is stored in the log with its effect; failed requests have no effect.
    pub(crate) fn compare_answers(&self) -> Checked<()> {
        let history = self.history.lock();
        let entries = history.entries.iter();
        entries.map(|entry| check(entry, &self.auditor)).collect::<Checked<Vec<()>>>().map(drop)
    }

    /// The figures of the run, for the summary.
    pub(crate) fn figures(&self) -> Figures {
        let history = self.history.lock();
        let count =
            |it: fn(&Entry) -> bool| history.entries.iter().filter(|entry| it(entry)).count();
        let lines = self.auditor.lines.values().filter(|line| line.accepted > 0).count();
        let mut starts: Vec<_> = self.starts.iter().map(Duration::as_millis).collect();
        starts.sort_unstable();
        let mut figures = Figures::default();
        figures.add("requests", history.entries.len());
        figures.add("answered", count(|entry| entry.answer.is_some()));
        figures.add("outcome unknown, then resolved", history.resolved);
        let failed = count(|entry| entry.answer.is_none() && entry.failed > 0);
        figures.add("failed, with no effect", failed);
        figures.add("responses replayed, byte-identical", history.replays);
        figures.add("events in the log", self.auditor.events);
        figures.add("lines accepted", lines);
        figures.add("public events read", self.feed.len());
        figures.add("public events read again, byte-identical", self.feed.repeated);
        figures.add("start, median ms", starts.get(starts.len() / 2).copied().unwrap_or(0));
        figures.add("start, longest ms", starts.last().copied().unwrap_or(0));
        figures.add("answered lines lost, oversold, gaps", 0);
        figures
    }
}

fn id(it: &OrderLine) -> LineId {
    (it.order.clone(), it.line.clone(), it.sku.clone())
}

/// Number of lines of an entry that were accepted, and number of those that are open.
pub(crate) fn accepted(entry: &Entry, auditor: &Auditor) -> (usize, usize) {
    let lines: Vec<_> = entry.request.order_lines.iter().map(|it| auditor.line(&id(it))).collect();
    let accepted = lines.iter().filter(|line| line.accepted > 0).count();
    (accepted, lines.iter().filter(|line| line.is_open()).count())
}

fn check(entry: &Entry, auditor: &Auditor) -> Checked<()> {
    let (request, key) = (&entry.request, entry.request.key.as_str());
    let is_stored = auditor.answers.contains_key(key);
    let (accepted, open) = accepted(entry, auditor);
    let all = request.order_lines.len();
    let wrong = |what: String| Err(Violation::of_key(key, what));
    let Some(answer) = &entry.answer else {
        if entry.unknown == 0 && (is_stored || accepted > 0) {
            return wrong(format!("failed, and the log has {accepted} of its lines"));
        }
        return Ok(());
    };
    if !is_stored {
        return wrong(format!("answered {}, and the log has no answer", describe(answer)));
    }
    let is_hold = request.path == "/v1/holds";
    match answer.status {
        200 if request.is_bulk() => {
            let body = String::from_utf8_lossy(&answer.body);
            let placed = body.matches("\"outcome\":\"placed\"").count();
            if placed != accepted {
                return wrong(format!("{placed} lines placed, the log has {accepted}"));
            }
        }
        // The compatibility route answers 201 also when there is no stock.
        201 if request.path == "/allocate" => {
            let is_placed = answer.body != b"{\"batchref\":null}";
            if is_placed != (accepted == 1) {
                return wrong(format!("answered {}, the log has {accepted}", describe(answer)));
            }
        }
        201 | 202 if accepted != all => {
            return wrong(format!("{all} lines accepted, the log has {accepted}"));
        }
        200..=202 => {}
        _ if is_hold && open > 0 => {
            return wrong(format!("refused, and {open} of {all} lines are open"));
        }
        _ if !is_hold && accepted > 0 => {
            return wrong(format!(
                "refused {}, and the log has {accepted} lines",
                describe(answer)
            ));
        }
        _ => {}
    }
    Ok(())
}

/// The views agree with the log.
fn compare(auditor: &Auditor, shown: &[StockLevel]) -> Checked<()> {
    let sums = auditor.sums();
    for it in shown {
        let sum = sums.get(&it.sku).copied().unwrap_or_default();
        if sum != (it.allocated, it.on_hand + it.incoming, it.short) {
            return Err(format!("the view shows {it:?}, the log says {sum:?}").into());
        }
    }
    if shown.len() != sums.len() {
        let (views, log) = (shown.len(), sums.len());
        return Err(format!("the views have {views} SKUs, the log {log}").into());
    }
    Ok(())
}
