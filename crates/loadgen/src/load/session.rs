//! The steps of a run: prepare the server, fill its log, measure.

use std::time::Duration;

use super::measure::{LagWatch, ViewWaits};
use super::plan::{Plan, Target, Workload};
use super::report::Report;
use super::{prepare as batches, run, storm};
use crate::error::Error;

/// Creates the batches that the workload allocates from; existing ones stay as they are.
///
/// # Errors
/// If the server does not respond, or does not create a batch.
pub async fn prepare(target: &Target, plan: &Plan) -> Result<(), Error> {
    match plan.workload {
        Workload::Shortage => Ok(()),
        workload => batches::batches(target, workload.skus(plan.skus).count()).await,
    }
}

/// Makes the log as long as bulk requests make it in the time of the plan.
///
/// # Errors
/// If the server does not respond, or refuses a line.
pub async fn fill(target: &Target, plan: &Plan) -> Result<(), Error> {
    let filling = Plan { workload: Workload::Bulk, rate: None, ..*plan };
    let filled = run::run(target, &filling).await?;
    match filled.tally.unexpected.first_key_value() {
        None => Ok(()),
        Some((response, _)) => Err(Error::new(format!("the log could not be filled: {response}"))),
    }
}

/// Runs the workload and reports what it measured.
///
/// # Errors
/// If the server does not respond. Unexpected responses are counted in the report.
pub async fn measure(target: &Target, plan: &Plan) -> Result<Report, Error> {
    let lag = match target.expected.is_constant {
        true => None,
        false => Some(LagWatch::begin(target).await?),
    };
    let plan = match plan.workload {
        // Its first moments are what is measured.
        Workload::ColdStart => Plan { warmup: Duration::ZERO, ..*plan },
        _ => *plan,
    };
    let taken = match plan.workload {
        Workload::Shortage => storm::run(target, &plan).await?,
        _ => run::run(target, &plan).await?,
    };
    let mut report = Report::of(&plan, target, taken);
    report.view_lag_max_events = lag.map(|it| it.max_events());
    if !target.expected.is_constant {
        report.held_up_by_views = Some(ViewWaits::read(target).await?);
    }
    Ok(report)
}
