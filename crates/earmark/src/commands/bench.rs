//! `earmark bench`: how much a server takes, and how long its answers take.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::verify::sentence;
use crate::bench::{Foreign, OrderIds, Plan, Workload, measure, measure_own};
use crate::error::{CliError, FAILED};
use crate::output;
use crate::runtime::block_on;

/// Puts load on a server and checks every answer. Without --url it starts a server of its own on a
/// temporary folder, and in the end stops it and verifies its log. Ends with 1 if any answer was
/// not as it must be.
#[derive(Args, Debug)]
pub struct Bench {
    /// A server that is up, say http://127.0.0.1:5005; orders and batches are left in it
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The process of that server, if it is on this machine: what it takes is told, too
    #[arg(long, value_name = "PID", requires = "url")]
    server_pid: Option<u32>,
    /// That server says the same to everybody: answers need not name the order that was asked for
    #[arg(long, requires = "url")]
    constant_answers: bool,
    /// Where the temporary folder is made [default: the system's folder for such]
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    scratch: Option<PathBuf>,
    /// What is asked
    #[arg(long, value_enum, default_value_t = Workload::Uniform)]
    workload: Workload,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Requests a second, sent when their time has come; without it, after the last answer
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// SKUs to draw from
    #[arg(
        long,
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1..=10_000_000)
    )]
    skus: u32,
    /// How the ids of orders follow each other
    #[arg(long, value_enum, default_value_t = OrderIds::Random)]
    order_ids: OrderIds,
    /// Lines of a request of the workload `bulk`
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    bulk_lines: u32,
    /// How long is measured
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
    /// How long is asked before that, in seconds
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    warmup: f64,
    /// What draws the SKUs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tell it as JSON
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub fn run(self) -> Result<ExitCode, CliError> {
        let plan = self.plan();
        if plan.workload == Workload::ColdStart && self.url.is_some() {
            let problem = CliError::usage("a server that is up does not start");
            return Err(problem.advise("Leave out --url: a server is started for it."));
        }
        let report = match &self.url {
            Some(url) => {
                let server = Foreign {
                    url: url.clone(),
                    process_id: self.server_pid,
                    is_constant: self.constant_answers,
                };
                block_on(measure(&server, &plan))?
            }
            None => {
                let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
                let folder =
                    tempfile::Builder::new().prefix("earmark-bench-").tempdir_in(scratch)?;
                block_on(measure_own(&folder.path().join("data"), &plan))?
            }
        };
        if self.json {
            output::json(&report)?;
        } else {
            output::say(report.table())?;
            for checked in report.verified.iter().flatten() {
                output::say(sentence(checked))?;
            }
        }
        Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
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
