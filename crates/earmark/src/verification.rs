//! The check of every guarantee over the whole log of every service.

use earmark_kernel::{Bus, NotVerified};
use serde::Serialize;

use crate::error::CliError;
use crate::output::number;
use crate::{progress, wiring};

/// What was checked in one service.
#[derive(Debug, Serialize)]
pub struct Verified {
    pub service: &'static str,
    pub records: u64,
    pub events: u64,
    pub aggregates: u64,
    pub checks: u64,
    pub rows: u64,
    /// Findings that break no rule, as sentences.
    pub notes: Vec<String>,
}

impl Verified {
    /// What was checked, as a sentence.
    pub fn sentence(&self) -> String {
        format!(
            "{}: {} events agree with {} aggregates and {} view rows; {} checks passed",
            self.service,
            number(self.events),
            number(self.aggregates),
            number(self.rows),
            number(self.checks)
        )
    }
}

/// Verifies every service.
pub fn verify(bus: &Bus) -> Result<Vec<Verified>, CliError> {
    let names = wiring::services().into_iter().map(|it| it.flow().service);
    let verified = names.map(|service| {
        let bar = progress::bar("verifying events", 0);
        let verified = bus.verify(service, |reached, last| {
            bar.set_length(last);
            bar.set_position(reached);
        });
        bar.finish_and_clear();
        let it = verified.map_err(|error| different(service, &error))?;
        Ok(Verified {
            service,
            records: it.records,
            events: it.events,
            aggregates: it.aggregates,
            checks: it.checks,
            rows: it.rows,
            notes: it.notes,
        })
    });
    verified.collect()
}

fn different(service: &str, error: &NotVerified) -> CliError {
    let failed = CliError::new(format!("{service}: {error}"));
    match error {
        NotVerified::Difference(_) => failed.advise(
            "If a view or a snapshot differs, delete the *.views.db files in the data folder: they \
             are rebuilt from the log. If the log itself differs, restore it from a backup.",
        ),
        NotVerified::Broken(_) => failed.advise(
            "Look at the order's lines with `GET /v1/orders/{order_id}/allocations`, and release or \
             allocate what is wrong. The log keeps what happened, so this is found again. If only \
             the present version has written this log, please report it.",
        ),
        NotVerified::Unreadable(_) => failed.advise("Run `earmark doctor` to find the cause."),
    }
}
