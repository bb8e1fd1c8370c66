//! The last word: what was answered, what the log says, and what the views show must be one story.

use std::time::Duration;

use crate::auditor::{Auditor, LineId};
use crate::client::Client;
use crate::history::{Page, told};
use crate::report::Figures;
use crate::request::Wanted;
use crate::violation::{Checked, Violation};
use crate::world::{StockLevel, World};

impl World {
    /// Starts a server once more, has everything done that was accepted, and checks it all.
    pub(crate) async fn audit(&mut self, sample: usize) -> Checked<()> {
        let (mut server, address) = self.start().await?;
        self.resolve(address).await?;
        let pages = self.sample(sample / 4, sample);
        self.ask_again(address, pages).join_all().await;
        self.history.holds()?;
        let shown = self.calm(address).await?;
        let mut client = Client::of(address);
        if !self.feed.follow(&mut client, usize::MAX).await? {
            return Err("the feed cannot be read".to_owned().into());
        }
        client.hang_up(false);
        server.stop().await?;
        self.read_log().await?;
        self.verify().await?;
        self.feed.compare(&self.auditor)?;
        compare(&self.auditor, &shown)?;
        self.compare_answers()
    }

    /// Every answer stands in the log with what it promised; what failed has done nothing.
    pub(crate) fn compare_answers(&self) -> Checked<()> {
        let history = self.history.lock();
        let pages = history.pages.iter();
        pages.map(|page| check(page, &self.auditor)).collect::<Checked<Vec<()>>>().map(drop)
    }

    /// What was seen of the promises, for the summary.
    pub(crate) fn figures(&self) -> Figures {
        let history = self.history.lock();
        let count = |it: fn(&Page) -> bool| history.pages.iter().filter(|page| it(page)).count();
        let lines = self.auditor.lines.values().filter(|line| line.taken_in > 0).count();
        let mut starts: Vec<_> = self.starts.iter().map(Duration::as_millis).collect();
        starts.sort_unstable();
        let mut figures = Figures::default();
        figures.add("requests", history.pages.len());
        figures.add("answered", count(|page| page.answer.is_some()));
        figures.add("outcome unknown, then resolved", history.resolved);
        let failed = count(|page| page.answer.is_none() && page.failed > 0);
        figures.add("failed, with no effect", failed);
        figures.add("answers given again, byte-identical", history.replays);
        figures.add("events in the log", self.auditor.events);
        figures.add("lines taken in", lines);
        figures.add("public events seen", self.feed.len());
        figures.add("public events seen again, byte-identical", self.feed.read_again);
        figures.add("start, median ms", starts.get(starts.len() / 2).copied().unwrap_or(0));
        figures.add("start, longest ms", starts.last().copied().unwrap_or(0));
        figures.add("answered lines lost, oversold, gaps", 0);
        figures
    }
}

fn id(it: &Wanted) -> LineId {
    (it.order.clone(), it.line.clone(), it.sku.clone())
}

/// How many lines of a page were taken in, and how many are somewhere.
pub(crate) fn taken_in(page: &Page, auditor: &Auditor) -> (usize, usize) {
    let lines: Vec<_> = page.request.wants.iter().map(|it| auditor.line(&id(it))).collect();
    let taken_in = lines.iter().filter(|line| line.taken_in > 0).count();
    (taken_in, lines.iter().filter(|line| line.is_somewhere()).count())
}

fn check(page: &Page, auditor: &Auditor) -> Checked<()> {
    let (request, key) = (&page.request, page.request.key.as_str());
    let is_kept = auditor.answers.contains_key(key);
    let (taken_in, somewhere) = taken_in(page, auditor);
    let all = request.wants.len();
    let wrong = |what: String| Err(Violation::of_key(key, what));
    let Some(answer) = &page.answer else {
        if page.unknown == 0 && (is_kept || taken_in > 0) {
            return wrong(format!("failed, and the log has {taken_in} lines of it"));
        }
        return Ok(());
    };
    if !is_kept {
        return wrong(format!("answered {}, and the log does not know it", told(answer)));
    }
    let is_hold = request.path == "/v1/holds";
    match answer.status {
        200 if request.is_bulk() => {
            let body = String::from_utf8_lossy(&answer.body);
            let placed = body.matches("\"outcome\":\"placed\"").count();
            if placed != taken_in {
                return wrong(format!("{placed} lines placed, the log has {taken_in}"));
            }
        }
        // The book answers so when there is no stock, too.
        201 if request.path == "/allocate" => {
            let is_placed = answer.body != b"{\"batchref\":null}";
            if is_placed != (taken_in == 1) {
                return wrong(format!("answered {}, the log has {taken_in}", told(answer)));
            }
        }
        201 | 202 if taken_in != all => {
            return wrong(format!("{all} lines taken in, the log has {taken_in}"));
        }
        200..=202 => {}
        _ if is_hold && somewhere > 0 => {
            return wrong(format!("refused, and {somewhere} of {all} lines are kept"));
        }
        _ if !is_hold && taken_in > 0 => {
            return wrong(format!("refused {}, and {taken_in} lines are there", told(answer)));
        }
        _ => {}
    }
    Ok(())
}

/// What the views show is what the log says.
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
