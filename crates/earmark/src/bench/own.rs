//! A measurement on a server that is started for it.

use std::path::Path;

use earmark_loadgen::load::{Plan, Report, Target, Workload, fill, measure, prepare};

use super::own_server::OwnServer;
use crate::error::CliError;
use crate::node::Node;
use crate::storage_config::StorageConfig;
use crate::verification::{Verified, verify};

/// Measures a server that is started on a new folder. In the end it is stopped and its log is
/// verified.
pub async fn measure_own(data: &Path, plan: &Plan) -> Result<(Report, Vec<Verified>), CliError> {
    let mut server = OwnServer::start(data)?;
    let mut target = target(&server)?;
    prepare(&target, plan).await?;
    let is_cold = plan.workload == Workload::ColdStart;
    if is_cold {
        fill(&target, plan).await?;
        server.stop()?;
        server = OwnServer::start(data)?;
        target = self::target(&server)?;
    }
    let mut report = measure(&target, plan).await?;
    report.start_ms = is_cold.then_some(server.start_time.as_secs_f64() * 1_000.0);
    server.stop()?;
    let node = Node::open_existing(&StorageConfig::folder(data))?;
    let verified = verify(&node.bus);
    node.close();
    Ok((report, verified?))
}

fn target(server: &OwnServer) -> Result<Target, CliError> {
    Ok(Target::at(&server.url, Some(server.process_id()), false)?)
}
