//! Operations on a hold whose lines are in several partitions: one record in each, all or none.
//!
//! The steps of an operation have keys made of the order, the number of the operation and the step.
//! So they can be sent by several at once, a caller and the effect worker, and are done once.

use std::collections::BTreeMap;

use earmark_contracts::allocation::{Held, HoldRefused, LineName};
use earmark_contracts::values::{OrderId, Sku};
use earmark_kernel::{Command, NotDone, ProcedureContext};

use super::answers;
use super::composites::{ConfirmPart, HoldPart, ReleasePart};
use super::deciding::exhausted;
use super::events::{HoldOpened, ReleaseOpened, ReleaseReason, WantedLine};
use super::line_steps::{HeldOne, ReleasedOne};
use super::steps::{EndConfirm, EndHold, EndRelease, HoldOutcome};

/// The result of an operation.
pub(super) type Outcome<A> = Result<A, NotDone<HoldRefused>>;

/// The things of one partition, each with its place in the whole.
type Part<T> = Vec<(usize, T)>;

/// Groups things by the partition of their SKU.
fn parts<T: Clone>(
    context: &ProcedureContext,
    all: &[T],
    sku: fn(&T) -> &Sku,
) -> Vec<(usize, Part<T>)> {
    let mut parts: BTreeMap<usize, Part<T>> = BTreeMap::new();
    for (place, it) in all.iter().enumerate() {
        parts.entry(context.partition(&sku(it).0)).or_default().push((place, it.clone()));
    }
    parts.into_iter().collect()
}

fn things<T: Clone>(part: &Part<T>) -> Vec<T> {
    part.iter().map(|(_, it)| it.clone()).collect()
}

/// An operation on the reservation of an order.
pub(super) struct Operation<'a> {
    pub(super) context: &'a ProcedureContext,
    pub(super) order_id: &'a OrderId,
    pub(super) round: u32,
}

impl Operation<'_> {
    /// Sends a step of one partition.
    fn send<C: Command<Refusal = HoldRefused>>(
        &self,
        step: &str,
        partition: usize,
        command: C,
    ) -> impl Future<Output = Outcome<C::Answer>> + use<C> {
        let key = format!("hold/{}/{}/{step}/{partition}", self.order_id.0, self.round);
        self.context.send_shared(&key, command)
    }

    /// Sends a step of the reservation.
    async fn end<C: Command>(
        &self,
        step: &str,
        command: C,
    ) -> Result<C::Answer, NotDone<C::Refusal>> {
        let key = format!("hold/{}/{}/{step}", self.order_id.0, self.round);
        self.context.send_shared(&key, command).await
    }

    /// Holds all lines, or none.
    ///
    /// Every part is sent before any is undone. So whoever sends a part late finds its answer, and
    /// does not hold what was given back.
    pub(super) async fn hold(&self, opened: &HoldOpened) -> Outcome<Held> {
        let HoldOpened { until, lines, forget, .. } = opened;
        let parts = parts(self.context, lines, |line| &line.name.sku);
        let sent: Vec<_> = parts
            .iter()
            .map(|(partition, part)| {
                let (order_id, round, lines) = (self.order_id.clone(), self.round, things(part));
                let part = HoldPart { order_id, round, until: *until, lines };
                self.send("hold", *partition, part)
            })
            .collect();
        let mut outcomes: Vec<Option<HeldOne>> = lines.iter().map(|_| None).collect();
        let mut refusals = Vec::new();
        for ((_, part), sent) in parts.iter().zip(sent) {
            match sent.await {
                Ok(held) => {
                    for ((place, _), outcome) in part.iter().zip(held) {
                        outcomes[*place] = Some(outcome);
                    }
                }
                Err(NotDone::Refused(refusal)) => {
                    refusals.push((place_of(lines, part, &refusal), refusal));
                }
                Err(not_done) => return Err(not_done),
            }
        }
        if let Some((_, refusal)) = refusals.into_iter().min_by_key(|(place, _)| *place) {
            return self.undo(lines, &outcomes, refusal).await;
        }
        self.release_parts("forget", forget, ReleaseReason::Released).await?;
        let outcomes = outcomes.into_iter().flatten().collect();
        let (held, logged) = answers::held(self.order_id, *until, lines, outcomes);
        self.end_hold(HoldOutcome::Held { until: *until, lines: logged }).await?;
        Ok(held)
    }

    async fn end_hold(&self, outcome: HoldOutcome) -> Outcome<()> {
        let (order_id, round) = (self.order_id.clone(), self.round);
        self.end("end", EndHold { order_id, round, outcome }).await
    }

    /// Gives back what a refused hold has held.
    async fn undo(
        &self,
        lines: &[WantedLine],
        outcomes: &[Option<HeldOne>],
        refusal: HoldRefused,
    ) -> Outcome<Held> {
        let is_new = |outcome: &Option<HeldOne>| matches!(outcome, Some(HeldOne::New(_)));
        let new = lines.iter().zip(outcomes).filter(|(_, outcome)| is_new(outcome));
        let new: Vec<LineName> = new.map(|(line, _)| line.name.clone()).collect();
        if !self.context.dry_run() {
            self.release_parts("undo", &new, ReleaseReason::Released).await?;
            if let Some(note) = exhausted(self.order_id, &refusal) {
                let noted = self.end("exhausted", note).await;
                noted.or_else(|e| match e {
                    NotDone::Refused(_) => Ok(()),
                    NotDone::Failed(failure) => Err(NotDone::Failed(failure)),
                    NotDone::Unknown(why) => Err(NotDone::Unknown(why)),
                })?;
            }
            self.end_hold(HoldOutcome::Refused(refusal.clone())).await?;
        }
        Err(NotDone::Refused(refusal))
    }

    /// Gives lines back, and returns what became of each.
    async fn release_parts(
        &self,
        step: &str,
        lines: &[LineName],
        reason: ReleaseReason,
    ) -> Outcome<Vec<ReleasedOne>> {
        let parts = parts(self.context, lines, |name| &name.sku);
        let sent: Vec<_> = parts
            .iter()
            .map(|(partition, part)| {
                let (order_id, lines) = (self.order_id.clone(), things(part));
                self.send(step, *partition, ReleasePart { order_id, lines, reason })
            })
            .collect();
        let mut outcomes: Vec<_> =
            lines.iter().map(|_| ReleasedOne { line: None, quantity: 0 }).collect();
        for ((_, part), sent) in parts.iter().zip(sent) {
            for ((place, _), outcome) in part.iter().zip(sent.await?) {
                outcomes[*place] = outcome;
            }
        }
        Ok(outcomes)
    }

    /// Gives the lines of the reservation back.
    pub(super) async fn release(
        &self,
        opened: &ReleaseOpened,
        lines: &[LineName],
    ) -> Outcome<Held> {
        let outcomes = self.release_parts("release", lines, opened.reason).await?;
        let (held, logged) = answers::released(self.order_id, lines, outcomes);
        let (order_id, round, reason) = (self.order_id.clone(), self.round, opened.reason);
        self.end("end", EndRelease { order_id, round, reason, lines: logged }).await?;
        Ok(held)
    }

    /// Confirms all lines.
    pub(super) async fn confirm(&self, lines: &[WantedLine]) -> Outcome<Held> {
        let parts = parts(self.context, lines, |line| &line.name.sku);
        let sent: Vec<_> = parts
            .iter()
            .map(|(partition, part)| {
                let (order_id, round, lines) = (self.order_id.clone(), self.round, things(part));
                self.send("confirm", *partition, ConfirmPart { order_id, round, lines })
            })
            .collect();
        let mut outcomes: Vec<_> = lines.iter().map(|_| None).collect();
        for ((_, part), sent) in parts.iter().zip(sent) {
            for ((place, _), outcome) in part.iter().zip(sent.await?) {
                outcomes[*place] = Some(outcome);
            }
        }
        let (held, logged) =
            answers::confirmed(self.order_id, outcomes.into_iter().flatten().collect());
        let (order_id, round) = (self.order_id.clone(), self.round);
        self.end("end", EndConfirm { order_id, round, lines: logged }).await?;
        Ok(held)
    }
}

/// The place in the whole hold of the line that a part was refused for.
fn place_of(lines: &[WantedLine], part: &Part<WantedLine>, refusal: &HoldRefused) -> usize {
    let is_reason = |line: &WantedLine| match refusal {
        HoldRefused::OutOfStock { line_id, .. } | HoldRefused::LineExists { line_id, .. } => {
            line.name.line_id == *line_id
        }
        HoldRefused::UnknownSku { sku } => line.name.sku == *sku,
        _ => false,
    };
    part.iter().find(|(_, line)| is_reason(line)).map_or(lines.len(), |(place, _)| *place)
}
