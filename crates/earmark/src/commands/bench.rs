//! `earmark bench`: the throughput of a server, and the latency of its responses.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use earmark_loadgen::load::{OrderIds, Plan, Report, Target, Workload, measure, prepare};
use serde::Serialize;

use crate::bench::{measure_own, table};
use crate::error::{CliError, FAILED};
use crate::output;
use crate::runtime::block_on;
use crate::verification::Verified;

/// Generates load and checks every response. Without --url, starts a server on a temporary folder,
/// and in the end stops it and verifies its log. Exits with 1 if a response was not as expected.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark bench --workload zipf --seconds 30\n  \
                        earmark bench --url http://127.0.0.1:5005 --rate 2000")]
pub struct Bench {
    /// Running server, such as http://127.0.0.1:5005; orders and batches stay in it
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Process of that server, if it runs on this machine: its CPU time and memory are reported
    #[arg(long, value_name = "PID", requires = "url")]
    server_pid: Option<u32>,
    /// That server gives the same response to every request: a response need not name its order
    #[arg(long, requires = "url")]
    constant_answers: bool,
    /// Parent of the temporary folder [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    scratch: Option<PathBuf>,
    /// What to send
    #[arg(long, value_enum, default_value_t = Workload::Uniform)]
    workload: Workload,
    /// Connections, each with at most one request in flight
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Requests per second, sent on a schedule; without it, each follows the previous response
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Number of SKUs
    #[arg(
        long,
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1..=10_000_000)
    )]
    skus: u32,
    /// How order ids follow each other
    #[arg(long, value_enum, default_value_t = OrderIds::Random)]
    order_ids: OrderIds,
    /// Lines per request of the workload `bulk`
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    bulk_lines: u32,
    /// Duration of the measurement
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
    /// Duration of the load before the measurement, seconds
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    warmup: f64,
    /// Seed for drawing SKUs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// The report with what was verified after it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    report: Report,
    verified: Option<Vec<Verified>>,
}

impl Bench {
    pub fn run(self) -> Result<ExitCode, CliError> {
        let plan = self.plan();
        if plan.workload == Workload::ColdStart && self.url.is_some() {
            let error = CliError::usage("the workload cold-start needs a server that is started");
            return Err(error.advise("Leave out --url: a server is started for the measurement."));
        }
        let shown = match &self.url {
            Some(url) => {
                let target = Target::at(url, self.server_pid, self.constant_answers)?;
                let report = block_on(async {
                    prepare(&target, &plan).await?;
                    Ok(measure(&target, &plan).await?)
                })?;
                Shown { report, verified: None }
            }
            None => {
                let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
                let folder =
                    tempfile::Builder::new().prefix("earmark-bench-").tempdir_in(scratch)?;
                let (report, verified) = block_on(measure_own(&folder.path().join("data"), &plan))?;
                Shown { report, verified: Some(verified) }
            }
        };
        if self.json {
            output::json(&shown)?;
        } else {
            output::say(table(&shown.report))?;
            for verified in shown.verified.iter().flatten() {
                output::say(verified.sentence())?;
            }
        }
        Ok(if shown.report.is_good() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }

    fn plan(&self) -> Plan {
        Plan {
            workload: self.workload,
            order_ids: self.order_ids,
            skus: self.skus,
            connections: self.connections as usize,
            rate: self.rate,
            warmup: Duration::from_secs_f64(self.warmup),
            time: Duration::from_secs_f64(self.seconds),
            bulk_lines: self.bulk_lines as usize,
            seed: self.seed,
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.0..=86_400.0).contains(&number) => Ok(number),
        _ => Err("must be a number from 0 to 86400".to_owned()),
    }
}
