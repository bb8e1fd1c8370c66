//! The reservation of an order: the one aggregate that decides about all held lines of the order.

use earmark_contracts::allocation::{HoldPhase, IfUnavailable, LineName};
use earmark_contracts::values::{Day, Priority};
use earmark_kernel::{Aggregate, UnixMillis};
use serde::{Deserialize, Serialize};

use super::events::{
    ConfirmOpened, HeldLine, HoldOpened, ReleaseOpened, ReleaseReason, ReservationEvent, Reserved,
    WantedLine,
};

/// An operation that has not ended this long after it began is finished by the effect worker, in
/// milliseconds.
pub const OPERATION_TIME_MS: i64 = 1_000;

/// The reservation of an order. The aggregate's key is the order's id.
///
/// A hold, a confirmation or a release is one operation with a number (`round`). If its lines are
/// in several partitions, it is open until all of them have followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The number of operations so far.
    pub round: u32,
    /// The end of the hold; `None` if nothing is held.
    pub until: Option<UnixMillis>,
    /// The lines, in the order in which they were first held.
    pub lines: Vec<Line>,
    /// The operation that has not ended.
    pub open: Option<Open>,
}

/// A line of a reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The id of the line and its SKU.
    pub name: LineName,
    /// Ordered units.
    pub quantity: u32,
    /// The last day on which the goods may be shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// The priority of the line.
    pub priority: Priority,
    /// The status of the line.
    pub status: Status,
}

/// The status of a line in its reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The stock of the line is held. The line may have lost it since.
    Held,
    /// There was no stock; the line waits for it when the hold is confirmed.
    Wanted,
    /// The line was confirmed.
    Confirmed,
    /// The hold of the line has expired.
    Expired,
}

/// An operation that has begun and has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Open {
    /// Lines are being held.
    Hold(HoldOpened),
    /// Lines are being confirmed.
    Confirm(ConfirmOpened),
    /// Lines are being given back.
    Release(ReleaseOpened),
}

impl Open {
    /// When it began.
    #[must_use]
    pub fn since(&self) -> UnixMillis {
        match self {
            Self::Hold(it) => it.since,
            Self::Confirm(it) => it.since,
            Self::Release(it) => it.since,
        }
    }
}

impl Line {
    /// The line as a hold asks for it.
    #[must_use]
    pub fn wanted(&self) -> WantedLine {
        let backorder = self.status == Status::Wanted;
        WantedLine {
            name: self.name.clone(),
            quantity: self.quantity,
            need_by: self.need_by,
            priority: self.priority,
            if_unavailable: match backorder {
                true => IfUnavailable::Backorder,
                false => IfUnavailable::Refuse,
            },
        }
    }

    fn of(held: &HeldLine) -> Self {
        let name = LineName { line_id: held.line_id.clone(), sku: held.sku.clone() };
        let status = if held.promised.is_some() { Status::Held } else { Status::Wanted };
        let HeldLine { quantity, need_by, priority, .. } = *held;
        Self { name, quantity, need_by, priority, status }
    }
}

impl Reservation {
    /// The lines that are held, or wanted without stock.
    pub fn held(&self) -> impl Iterator<Item = &Line> {
        self.with(&[Status::Held, Status::Wanted])
    }

    /// The lines with one of these statuses.
    pub fn with(&self, statuses: &[Status]) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| statuses.contains(&line.status))
    }

    /// The line with this name.
    #[must_use]
    pub fn line(&self, name: &LineName) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == *name)
    }

    /// The lines that are given back for this reason, and further ones.
    #[must_use]
    pub fn given_back(&self, reason: ReleaseReason, further: &[LineName]) -> Vec<LineName> {
        let statuses: &[Status] = match reason {
            ReleaseReason::Released => &[Status::Held, Status::Wanted, Status::Expired],
            ReleaseReason::Expired => &[Status::Held, Status::Wanted],
        };
        let own = self.with(statuses).map(|line| line.name.clone());
        own.chain(further.iter().cloned()).collect()
    }

    /// Whether the hold has ended by this time and its lines are not given back yet.
    #[must_use]
    pub fn is_overdue(&self, now: UnixMillis) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// When the effect worker looks at this reservation next; `None` if there is nothing to do.
    #[must_use]
    pub fn due(&self) -> Option<UnixMillis> {
        match &self.open {
            Some(open) => Some(open.since().plus_ms(OPERATION_TIME_MS)),
            None => self.until,
        }
    }

    /// The phase of the hold.
    #[must_use]
    pub fn phase(&self) -> HoldPhase {
        match &self.open {
            Some(Open::Hold(_)) => HoldPhase::Holding,
            Some(Open::Confirm(_)) => HoldPhase::Confirming,
            Some(Open::Release(it)) if it.reason == ReleaseReason::Expired => HoldPhase::Expiring,
            Some(Open::Release(_)) => HoldPhase::Releasing,
            None if self.until.is_some() => HoldPhase::Held,
            None if self.with(&[Status::Confirmed]).next().is_some() => HoldPhase::Confirmed,
            None => HoldPhase::Ended,
        }
    }

    /// Checks the invariants between two commands.
    ///
    /// # Errors
    /// A sentence that describes the first violation.
    pub fn check(&self) -> Result<(), String> {
        let mut names: Vec<_> = self.lines.iter().map(|line| &line.name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("a line is in it twice".into());
        }
        if self.until.is_some() != self.held().next().is_some() {
            return Err(format!("it ends at {:?}, but its lines are {:?}", self.until, self.lines));
        }
        Ok(())
    }

    fn hold(&mut self, reserved: &Reserved) {
        self.lines.retain(|line| line.status != Status::Expired);
        for held in &reserved.lines {
            let line = Line::of(held);
            match self.lines.iter_mut().find(|it| it.name == line.name) {
                Some(existing) => *existing = line,
                None => self.lines.push(line),
            }
        }
        let is_held = self.held().next().is_some();
        self.until = is_held.then_some(reserved.until);
    }

    fn set(&mut self, from: &[Status], to: Status) {
        let lines = self.lines.iter_mut().filter(|line| from.contains(&line.status));
        lines.for_each(|line| line.status = to);
    }

    fn close(&mut self, round: u32) {
        (self.round, self.open) = (round, None);
    }
}

impl Aggregate for Reservation {
    const NAME: &'static str = "reservation";
    type Event = ReservationEvent;

    fn evolve(&mut self, event: &ReservationEvent) {
        const HELD: [Status; 2] = [Status::Held, Status::Wanted];
        match event {
            ReservationEvent::HoldOpened(it) => {
                (self.round, self.open) = (it.round, Some(Open::Hold(it.clone())));
            }
            ReservationEvent::ConfirmOpened(it) => {
                (self.round, self.open) = (it.round, Some(Open::Confirm(it.clone())));
            }
            ReservationEvent::ReleaseOpened(it) => {
                (self.round, self.open) = (it.round, Some(Open::Release(it.clone())));
            }
            ReservationEvent::Reserved(it) => {
                self.close(it.round);
                self.hold(it);
            }
            ReservationEvent::Short(it) => self.close(it.round),
            ReservationEvent::HoldDropped(it) => self.close(it.round),
            ReservationEvent::Extended(it) => self.until = Some(it.until),
            ReservationEvent::Confirmed(it) => {
                self.close(it.round);
                self.set(&HELD, Status::Confirmed);
                self.until = None;
            }
            ReservationEvent::Incomplete(_) => {}
            ReservationEvent::Released(it) => {
                self.close(it.round);
                self.lines.retain(|line| line.status == Status::Confirmed);
                self.until = None;
            }
            ReservationEvent::Expired(it) => {
                self.close(it.round);
                self.lines.retain(|line| line.status != Status::Expired);
                self.set(&HELD, Status::Expired);
                self.until = None;
            }
        }
    }
}
