//! `earmark demo`: a first look, with a sample of real orders that is built in.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use earmark_loadgen::orders::{Columns, CsvFile, Orders};

use super::serve;
use crate::error::CliError;
use crate::node::Node;
use crate::replay::{Request, replay, table};
use crate::runtime::block_on;
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;
use crate::verification::verify;
use crate::{output, server};

/// Orders from France in one year; demo/README.md names their source.
const SLICE: &[u8] = include_bytes!("../../../../demo/online-retail-slice.csv.gz");
const SEED: u64 = 1;

/// Replays a sample of real orders, verifies the log, prints a report, and serves the result.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark demo\n  \
                        earmark demo --exit --data ./demo")]
pub struct Demo {
    /// Exit after the replay instead of serving
    #[arg(long)]
    exit: bool,
    /// Address to listen on [env: EARMARK_SERVER_LISTEN] [default: 127.0.0.1:5005]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Folder that keeps the data [default: a temporary folder, deleted at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Demo {
    pub fn flags(&self, flags: &mut Flags) {
        flags.set("server.listen", "--listen", self.listen.as_ref());
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        let listen = &settings.server.listen;
        if !self.exit {
            is_free(listen)?;
        }
        let temporary = tempfile::Builder::new().prefix("earmark-demo-").tempdir()?;
        let data = self.data.clone().unwrap_or_else(|| temporary.path().to_owned());
        let slice = CsvFile::read(Box::new(Cursor::new(SLICE)), "the demo's orders".into())?;
        let orders = Orders::read(slice, &Columns::default(), u64::MAX)?;
        output::say("Replayed orders from France, December 2010 to December 2011:")?;
        let request = Request { data: &data, seed: SEED, resume: true, acks: None };
        let (report, node) = block_on(replay(&orders, request))?;
        let verified = verify(&node.bus);
        node.close();
        output::say(table(&report))?;
        for it in verified? {
            output::say(format!("verified {}", it.sentence()))?;
        }
        if self.exit || report.oversold > 0 {
            return Ok(ExitCode::from(u8::from(report.oversold > 0)));
        }
        let node = Node::open(&StorageConfig::folder(&data))?;
        serve::serve(node, server::edge(None)?, listen, |url| what_next(url, &data))
    }
}

/// Checks before the replay that the port is free.
fn is_free(listen: &str) -> Result<(), CliError> {
    let address = server::address(listen)?;
    let bound = std::net::TcpListener::bind(address);
    bound.map(drop).map_err(|error| {
        CliError::new(format!("cannot listen on {address}: {error}")).advise(
            "If another program listens there, stop it or name another address: --listen 127.0.0.1:0 \
             takes any free port. To exit without serving, use --exit.",
        )
    })
}

fn what_next(url: &str, data: &Path) -> Result<(), CliError> {
    let data = data.display();
    output::say(format!(
        "
Try, from another terminal:

  the stock of a SKU, its batches and its queued lines
    curl -s {url}/v1/stock/22423
  an order with its lines, and why a line has its batch
    curl -s {url}/v1/orders/536370/allocations
    curl -s {url}/v1/allocations/536370/1/explain
  new stock, and an allocation from it
    curl -s {url}/v1/batches -H 'content-type: application/json' \\
      -d '{{\"reference\":\"demo-1\",\"sku\":\"CLOCK\",\"quantity\":20}}'
    curl -s {url}/v1/allocations -H 'content-type: application/json' \\
      -d '{{\"order_id\":\"demo\",\"sku\":\"CLOCK\",\"quantity\":12}}'
  half of it is missing: first see what would move, then do it
    curl -s -X PATCH '{url}/v1/batches/demo-1?dry_run=true' \\
      -H 'content-type: application/json' -d '{{\"quantity\":10,\"reason\":\"counted\"}}'
    curl -s -X PATCH {url}/v1/batches/demo-1 \\
      -H 'content-type: application/json' -d '{{\"quantity\":10,\"reason\":\"counted\"}}'
  the same from the command line
    earmark stock CLOCK --server {url}
    earmark log --follow --server {url}

All routes: {url}/docs   The data: {data}   Ctrl-C stops it."
    ))
}
