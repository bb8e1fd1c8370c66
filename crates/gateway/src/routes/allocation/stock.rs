//! Stock: what there is of each SKU, in sums, in batches, and as it came to be.

use earmark_contracts::allocation::{
    GetStock, ListStock, StockDetail, StockHistoryEntry, StockHistory, StockLevel,
};
use earmark_contracts::values::Sku;
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::answer::{self, Answered};
use crate::api_request::ApiRequest;
use crate::openapi::{Operation, Place, SchemaOf};
use crate::problem::{Problem, kinds};
use crate::routes::Routes;

const LIMIT_MAX: u64 = 1_000;
const LIMIT: u64 = 100;
const AFTER_MAX: u64 = i64::MAX as u64;

/// A page of stocks.
#[derive(JsonSchema, Serialize)]
struct StockPage {
    /// In order of SKU.
    items: Vec<StockLevel>,
    /// Give it as `after` for the next page; null: there is none.
    next: Option<String>,
}

/// A page of what happened.
#[derive(JsonSchema, Serialize)]
struct HistoryPage {
    /// Oldest first.
    items: Vec<StockHistoryEntry>,
    /// Give it as `after` for the next page; null: there is none yet.
    next: Option<String>,
}

pub(crate) fn draw(routes: Routes) -> Routes {
    let list = Operation::get("/v1/stock", "list_stock", "The stock of all SKUs");
    let list = paged(list, SchemaGenerator::subschema_for::<Sku>)
        .responds::<StockPage>(200, "A page, in order of SKU.");
    let get = of_sku(Operation::get("/v1/stock/{sku}", "get_stock", "The stock of a SKU"))
        .responds::<StockDetail>(200, "Its sums, its batches and the lines that wait.")
        .asks_views();
    let history = Operation::get("/v1/stock/{sku}/history", "get_stock_history", "What happened");
    let after = |_: &mut _| json_schema!({ "type": "integer", "minimum": 0, "maximum": AFTER_MAX });
    let history = paged(of_sku(history), after)
        .about("Oldest first, each with the batch before and after, and its cause.")
        .responds::<HistoryPage>(200, "A page, oldest first.");
    routes.line(list, list_stock).line(get, get_stock).line(history, stock_history)
}

fn of_sku(operation: Operation) -> Operation {
    operation.path::<Sku>("sku", "The SKU.").problems(&[&kinds::UNKNOWN_SKU])
}

fn paged(operation: Operation, after: SchemaOf) -> Operation {
    let limit = |_: &mut _| json_schema!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT });
    operation
        .with(Place::Query, "after", after, "The `next` of the page before.")
        .with(Place::Query, "limit", limit, "At most so many.")
        .asks_views()
}

fn limit(request: &ApiRequest) -> Result<usize, Problem> {
    let limit = request.number("limit", LIMIT, 1..=LIMIT_MAX)?;
    Ok(usize::try_from(limit).expect("at most a thousand"))
}

async fn list_stock(request: ApiRequest) -> Answered {
    let limit = limit(&request)?;
    let after: Option<Sku> = request.query("after")?;
    let mut items = request.app.bus.ask(ListStock { after, limit: limit + 1 })?;
    let is_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| is_more).map(|last| last.sku.0.to_string());
    Ok(answer::json(200, &StockPage { items, next }))
}

async fn get_stock(request: ApiRequest) -> Answered {
    let sku: Sku = request.path("sku")?;
    let stock = request.app.bus.ask(GetStock { sku: sku.clone() })?;
    let stock = stock.ok_or_else(|| unknown(sku))?;
    Ok(answer::json(200, &stock))
}

async fn stock_history(request: ApiRequest) -> Answered {
    let sku: Sku = request.path("sku")?;
    let limit = limit(&request)?;
    let after = request.number("after", 0, 0..=AFTER_MAX)?;
    let question = StockHistory { sku: sku.clone(), after, limit: limit + 1 };
    let happened = request.recount(question).await?;
    let mut items = happened.ok_or_else(|| unknown(sku))?;
    let is_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| is_more);
    let next = next.map(|last| last.sequence.to_string());
    Ok(answer::json(200, &HistoryPage { items, next }))
}

fn unknown(sku: Sku) -> Problem {
    earmark_contracts::allocation::AllocateRefused::UnknownSku { sku }.into()
}
