//! The workload of a run, and the server it is sent to.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::ValueEnum;

use super::client::Expected;
use super::measure::Process;
use super::order_ids::OrderIds;
use super::skus::Skus;
use crate::error::Error;

/// What is sent to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// One line per request, all SKUs equally often
    Uniform,
    /// One line per request, SKUs by a Zipf distribution
    Zipf,
    /// One line per request, always the same SKU
    Hot,
    /// Many lines per request
    Bulk,
    /// A batch with 10,000 allocated lines is halved, repeatedly
    Shortage,
    /// Each line is read right after it was allocated
    Reads,
    /// A server is started on a long log and receives load at once
    ColdStart,
}

impl Workload {
    pub(super) fn name(self) -> &'static str {
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

    pub(super) fn skus(self, count: u32) -> Skus {
        match self {
            Self::Hot => Skus::Hot,
            Self::Zipf => Skus::zipf(count),
            _ => Skus::Uniform(count),
        }
    }
}

/// What to send, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What is sent.
    pub workload: Workload,
    /// How order ids follow each other.
    pub order_ids: OrderIds,
    /// SKUs to draw from.
    pub skus: u32,
    /// Connections, each with at most one request in flight.
    pub connections: usize,
    /// Requests per second; none for a closed loop.
    pub rate: Option<u32>,
    /// Load before the measurement.
    pub warmup: Duration,
    /// Duration of the measurement.
    pub time: Duration,
    /// Lines per bulk request.
    pub bulk_lines: usize,
    /// Seed for drawing SKUs.
    pub seed: u64,
}

/// The server that is measured.
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) address: SocketAddr,
    pub(super) host: String,
    pub(super) expected: Expected,
    /// Its process, if that is on this machine and known.
    pub(super) process: Option<Process>,
}

impl Target {
    /// The server at a URL like `http://127.0.0.1:5005`. With `process_id`, the report has what
    /// that process of this machine used. A server `is_constant` if it gives the same response to
    /// every request of a kind; then responses need not name their order.
    ///
    /// # Errors
    /// If the URL has no address of a server.
    pub fn at(url: &str, process_id: Option<u32>, is_constant: bool) -> Result<Self, Error> {
        let host = url.strip_prefix("http://").map(|it| it.trim_end_matches('/'));
        let address = host.and_then(|it| it.to_socket_addrs().ok()?.next());
        let (Some(host), Some(address)) = (host, address) else {
            return Err(Error::usage(format!("{url:?} is not the address of a server"))
                .advise("Write it as http://127.0.0.1:5005."));
        };
        let process = process_id.map(|id| Process { id });
        Ok(Self { address, host: host.to_owned(), expected: Expected { is_constant }, process })
    }
}
