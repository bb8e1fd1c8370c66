//! `earmark stock`: stock levels by SKU.

use std::process::ExitCode;

use clap::Args;
use earmark_contracts::allocation::{BatchPhase, GetStock, ListStock, StockDetail, StockLevel};
use earmark_contracts::values::{Day, Sku, Text};
use serde::Deserialize;

use crate::args::Source;
use crate::client::Client;
use crate::error::CliError;
use crate::node::Node;
use crate::output::{self, number, table};
use crate::runtime::block_on;
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;

/// SKUs read per request.
const PAGE: usize = 1_000;

/// Shows the stock of all SKUs, or of one SKU with its batches and queued lines.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark stock\n  \
                        earmark stock CHAIR --server http://127.0.0.1:5005 --json")]
pub struct Stock {
    /// Show only this SKU, in detail
    sku: Option<String>,
    #[command(flatten)]
    source: Source,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A page of stock levels, in the format of the server.
#[derive(Deserialize)]
struct Page {
    items: Vec<StockLevel>,
    next: Option<String>,
}

impl Stock {
    pub fn flags(&self, flags: &mut Flags) {
        self.source.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        match self.sku.as_deref().map(sku).transpose()? {
            Some(sku) => self.one(&sku, settings),
            None => self.all(settings),
        }
    }

    fn one(&self, sku: &Sku, settings: &Settings) -> Result<ExitCode, CliError> {
        let detail = match self.source.client(settings)? {
            Some(client) => block_on(client.get(&["v1", "stock", &sku.0], &[]))?,
            None => self.in_node(settings, |node| {
                let detail = node.bus.ask(GetStock { sku: sku.clone() })?;
                detail.ok_or_else(|| {
                    CliError::new(format!("Invalid sku {}", sku.0))
                        .advise("Run `earmark stock` to list the SKUs.")
                })
            })?,
        };
        if self.json {
            output::json(&detail)?;
        } else {
            show(&detail)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn all(&self, settings: &Settings) -> Result<ExitCode, CliError> {
        let levels = match self.source.client(settings)? {
            Some(client) => block_on(all_of(&client))?,
            None => self.in_node(settings, |node| {
                let mut levels: Vec<StockLevel> = Vec::new();
                loop {
                    let after = levels.last().map(|it| it.sku.clone());
                    let page = node.bus.ask(ListStock { after, limit: PAGE })?;
                    let is_last = page.len() < PAGE;
                    levels.extend(page);
                    if is_last {
                        return Ok(levels);
                    }
                }
            })?,
        };
        if self.json {
            output::json(&levels)?;
        } else {
            output::say(levels_table(&levels))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn in_node<T>(
        &self,
        settings: &Settings,
        ask: impl FnOnce(&Node) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let node = Node::open_existing(&StorageConfig::of(settings)?)?;
        let answer = ask(&node);
        node.close();
        answer
    }
}

/// Parses a SKU of the command line.
pub fn sku(text: &str) -> Result<Sku, CliError> {
    Text::parse(text).map(Sku).map_err(|why| CliError::usage(format!("the SKU {text:?} {why}")))
}

async fn all_of(client: &Client) -> Result<Vec<StockLevel>, CliError> {
    let (mut levels, mut after) = (Vec::new(), None);
    loop {
        let mut query = vec![("limit", PAGE.to_string())];
        query.extend(after.map(|after| ("after", after)));
        let page: Page = client.get(&["v1", "stock"], &query).await?;
        levels.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(levels);
        }
    }
}

fn show(detail: &StockDetail) -> Result<(), CliError> {
    output::say(levels_table(std::slice::from_ref(&detail.level)))?;
    let heading = ["batch", "state", "eta", "purchased", "allocated", "held", "available"];
    let batches = detail.batches.iter().map(|it| {
        let state = match it.state {
            BatchPhase::InWarehouse => "in warehouse",
            BatchPhase::Incoming => "incoming",
            BatchPhase::Closed => "closed",
            BatchPhase::Expired => "expired",
        };
        let units = |units: u32| number(u64::from(units));
        vec![
            it.reference.0.to_string(),
            state.to_owned(),
            day(it.eta),
            units(it.purchased_quantity),
            units(it.allocated_quantity),
            units(it.held_quantity),
            units(it.available_quantity),
        ]
    });
    output::say(table(&heading, &[3, 4, 5, 6], batches))?;
    if detail.short_lines.is_empty() {
        return Ok(());
    }
    let heading = ["queued: order", "line", "quantity", "need by", "priority"];
    let lines = detail.short_lines.iter().map(|it| {
        vec![
            it.order_id.0.to_string(),
            it.line_id.0.to_string(),
            number(u64::from(it.quantity)),
            day(it.need_by),
            it.priority.level().to_string(),
        ]
    });
    output::say(table(&heading, &[2, 4], lines))
}

fn levels_table(levels: &[StockLevel]) -> comfy_table::Table {
    let heading =
        ["SKU", "on hand", "incoming", "allocated", "held", "available", "short", "next eta"];
    let rows = levels.iter().map(|it| {
        let units = [it.on_hand, it.incoming, it.allocated, it.held, it.available, it.short];
        let mut row = vec![it.sku.0.to_string()];
        row.extend(units.map(number));
        row.push(day(it.next_eta));
        row
    });
    table(&heading, &[1, 2, 3, 4, 5, 6], rows)
}

fn day(day: Option<Day>) -> String {
    day.map_or_else(|| "-".to_owned(), |day| day.to_string())
}
