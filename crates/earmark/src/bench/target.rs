//! What is asked, and how: the same for every connection of a run.

use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;

use super::expected::Expected;
use super::orders::OrderIds;
use super::process::Process;
use super::skus::Skus;

/// What is asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// A line a request, all SKUs alike
    Uniform,
    /// A line a request, few SKUs often
    Zipf,
    /// A line a request, always the same SKU
    Hot,
    /// Many lines a request
    Bulk,
    /// A batch that carries 10,000 lines is halved, and again another
    Shortage,
    /// Each line is looked at as soon as it is placed
    Reads,
    /// A server on a long log is started, and asked at once
    ColdStart,
}

impl Workload {
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf",
            Self::Hot => "hot",
            Self::Bulk => "bulk",
            Self::Shortage => "shortage",
            Self::Reads => "reads",
            Self::ColdStart => "cold-start",
        }
    }

    pub fn skus(self, count: u32) -> Skus {
        match self {
            Self::Hot => Skus::Hot,
            Self::Zipf => Skus::zipf(count),
            _ => Skus::Uniform(count),
        }
    }
}

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub workload: Workload,
    pub order_ids: OrderIds,
    /// SKUs to draw from.
    pub skus: u32,
    pub connections: usize,
    /// Requests a second; none: each connection sends when it was answered.
    pub rate: Option<u32>,
    /// Asked before anything is measured.
    pub warmup: Duration,
    pub time: Duration,
    /// Lines of a bulk request.
    pub bulk_lines: usize,
    /// What draws the SKUs.
    pub seed: u64,
}

/// Who is asked.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    pub host: String,
    pub expected: Expected,
    /// Its process, if that is on this machine and known.
    pub process: Option<Process>,
}
