//! The benchmark: load on a running server, every answer checked, latency as a client has it.

mod connection;
mod expected;
mod hold_ups;
mod lag;
mod load;
mod moment;
mod orders;
mod own_server;
mod pace;
mod prepare;
mod process;
mod report;
mod requests;
mod skus;
mod storm;
mod tally;
mod target;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::commands::verify::verify;
use crate::error::CliError;
use crate::node::Node;
use crate::server;
use crate::storage_config::StorageConfig;
use expected::Expected;
use hold_ups::HoldUps;
use lag::LagWatch;
pub use orders::OrderIds;
use own_server::OwnServer;
use process::Process;
pub use report::Report;
use target::Target;
pub use target::{Plan, Workload};

/// A server that is up, and is not ours to stop.
pub struct Foreign {
    /// As `http://127.0.0.1:5005`.
    pub url: String,
    /// Its process, if that is on this machine.
    pub process_id: Option<u32>,
    /// It says the same to every request of a kind.
    pub is_constant: bool,
}

/// Measures a server that is up.
pub async fn measure(server: &Foreign, plan: &Plan) -> Result<Report, CliError> {
    let target = Target {
        expected: Expected { is_constant: server.is_constant },
        process: server.process_id.map(|id| Process { id }),
        ..target(&server.url)?
    };
    prepare(&target, plan).await?;
    under_load(&target, plan).await
}

/// Measures a server that is started for it on a new folder; in the end it is stopped, and what
/// it promised is verified.
pub async fn measure_own(data: &Path, plan: &Plan) -> Result<Report, CliError> {
    let mut server = OwnServer::start(data)?;
    let mut target = own_target(&server)?;
    prepare(&target, plan).await?;
    let is_cold = plan.workload == Workload::ColdStart;
    if is_cold {
        fill(&target, plan).await?;
        server.stop()?;
        server = OwnServer::start(data)?;
        target = own_target(&server)?;
    }
    let mut report = under_load(&target, plan).await?;
    report.start_ms = is_cold.then_some(server.start_time.as_secs_f64() * 1_000.0);
    server.stop()?;
    let node = Node::open_existing(&StorageConfig::folder(data))?;
    let verified = verify(&node.bus);
    node.close();
    report.verified = Some(verified?);
    Ok(report)
}

async fn prepare(target: &Target, plan: &Plan) -> Result<(), CliError> {
    match plan.workload {
        Workload::Shortage => Ok(()),
        workload => prepare::batches(target, workload.skus(plan.skus).count()).await,
    }
}

async fn under_load(target: &Target, plan: &Plan) -> Result<Report, CliError> {
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
        _ => load::run(target, &plan).await?,
    };
    let mut report = Report::of(&plan, target, taken);
    report.view_lag_max_events = lag.map(|it| it.max_events());
    if !target.expected.is_constant {
        report.held_up_by_views = Some(HoldUps::ask(target).await?);
    }
    Ok(report)
}

/// A log as long as bulk requests make it in the time of the plan.
async fn fill(target: &Target, plan: &Plan) -> Result<(), CliError> {
    let filling = Plan { workload: Workload::Bulk, rate: None, ..*plan };
    let filled = load::run(target, &filling).await?;
    match filled.tally.unexpected.first_key_value() {
        None => Ok(()),
        Some((told, _)) => Err(CliError::new(format!("the log could not be filled: {told}"))),
    }
}

fn own_target(server: &OwnServer) -> Result<Target, CliError> {
    Ok(Target { process: Some(server.process()), ..target(&server.url)? })
}

fn target(url: &str) -> Result<Target, CliError> {
    let host = url.strip_prefix("http://").map(|it| it.trim_end_matches('/'));
    let host = host.ok_or_else(|| {
        CliError::usage(format!("{url:?} is not the address of a server"))
            .advise("Say it like http://127.0.0.1:5005.")
    })?;
    let address: SocketAddr = server::address(host)?;
    let expected = Expected { is_constant: false };
    Ok(Target { address, host: host.to_owned(), expected, process: None })
}
