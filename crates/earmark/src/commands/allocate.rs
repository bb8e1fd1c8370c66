//! `earmark allocate`: allocates stock to an order line.

use std::process::ExitCode;

use clap::Args;
use earmark_contracts::allocation::{Allocate as Command, Outcome, WhenShort};
use earmark_contracts::values::{Day, InvalidValue, LineId, OrderId, Priority, Quantity, Text};
use earmark_kernel::{Meta, NotDone};

use super::stock::sku;
use crate::args::Source;
use crate::client::Client;
use crate::error::CliError;
use crate::node::Node;
use crate::output;
use crate::runtime::block_on;
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;

/// Allocates stock to an order line. The same line again changes nothing. Exits with 1 if there is
/// no stock and the line is not queued.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark allocate --order o1 --sku CHAIR --quantity 4\n  \
                        earmark allocate --order o1 --sku CHAIR --quantity 4 --queue --server \
                        http://127.0.0.1:5005")]
pub struct Allocate {
    /// Order id
    #[arg(long)]
    order: String,
    /// Line id [default: the SKU]
    #[arg(long)]
    line: Option<String>,
    /// Ordered SKU
    #[arg(long)]
    sku: String,
    /// Ordered units; all are allocated to one batch
    #[arg(long)]
    quantity: u64,
    /// Last day on which the line can be shipped, such as 2026-01-31
    #[arg(long, value_name = "DAY")]
    need_by: Option<String>,
    /// Priority, 0 to 9
    #[arg(long, default_value_t = 5)]
    priority: u64,
    /// Queue the line if there is no stock
    #[arg(long)]
    queue: bool,
    /// Report the result without changing anything
    #[arg(long, conflicts_with = "server")]
    dry_run: bool,
    #[command(flatten)]
    source: Source,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Allocate {
    pub fn flags(&self, flags: &mut Flags) {
        self.source.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        let command = self.command()?;
        let outcome: Outcome = match self.source.client(settings)? {
            Some(client) => block_on(send(&client, &command))?,
            None => {
                let node = Node::open_existing(&StorageConfig::of(settings)?)?;
                let meta = Meta { dry_run: self.dry_run, ..Meta::default() };
                let reply = block_on(async { Ok(node.bus.send_as(command, meta).await) });
                node.close();
                reply?.ending.map_err(not_done)?.outcome
            }
        };
        if self.json {
            output::json(&outcome)?;
        } else {
            output::say(sentence(&outcome))?;
        }
        let is_lost = matches!(outcome, Outcome::OutOfStock { .. });
        Ok(ExitCode::from(u8::from(is_lost)))
    }

    fn command(&self) -> Result<Command, CliError> {
        let text = |what: &str, text: &str| Text::parse(text).map_err(|why| bad(what, text, &why));
        let need_by = self.need_by.as_ref();
        let need_by = need_by.map(|it| Day::parse(it).map_err(|why| bad("--need-by", it, &why)));
        let line_id = self.line.as_ref().map(|it| text("--line", it).map(LineId)).transpose()?;
        Ok(Command {
            order_id: OrderId(text("--order", &self.order)?),
            line_id,
            sku: sku(&self.sku)?,
            quantity: Quantity::new(self.quantity)
                .map_err(|why| bad("--quantity", &self.quantity.to_string(), &why))?,
            need_by: need_by.transpose()?,
            priority: Priority::new(self.priority)
                .map_err(|why| bad("--priority", &self.priority.to_string(), &why))?,
            short: if self.queue { WhenShort::Queue } else { WhenShort::Reject },
        })
    }
}

async fn send(client: &Client, command: &Command) -> Result<Outcome, CliError> {
    client.post(&["v1", "allocations"], &[], command).await
}

fn bad(flag: &str, value: &str, why: &InvalidValue) -> CliError {
    CliError::usage(format!("{flag} {value:?} {why}"))
}

fn not_done<R: std::fmt::Display>(not_done: NotDone<R>) -> CliError {
    match not_done {
        NotDone::Refused(refusal) => CliError::new(refusal),
        NotDone::Failed(failure) => failure.into(),
        NotDone::Unknown(why) => {
            CliError::new(why).advise("Try again: the same line is allocated once.")
        }
    }
}

fn sentence(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Placed { line, explanation } => {
            let batch = line.batch.as_ref().map_or("-", |batch| &batch.0);
            let promised = line.promised.map(|day| format!(", promised for {day}"));
            let promised = promised.unwrap_or_default();
            format!("allocated to {batch}{promised}: {}", explanation.reason)
        }
        Outcome::Short { earliest, .. } => match earliest {
            Some(day) => format!("queued; there could be stock on {day}"),
            None => "queued: there is no stock".to_owned(),
        },
        Outcome::OutOfStock { sku, requested, available, earliest } => {
            let later = earliest.map(|day| format!("; there could be stock from {day}"));
            let later = later.unwrap_or_default();
            format!("out of stock: {requested} of {} ordered, {available} available{later}", sku.0)
        }
    }
}
