//! Stock: the totals of each SKU, its batches, and its history.

use earmark_contracts::allocation::{
    GetStock, ListStock, StockDetail, StockHistory, StockHistoryEntry, StockLevel,
};
use earmark_contracts::values::Sku;
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::api_request::ApiRequest;
use crate::http::{HttpResult, response};
use crate::openapi::{Operation, ParameterIn, SchemaFn};
use crate::problem::{Problem, kinds};
use crate::routes::parameters::{self, AFTER_MAX, whole};
use crate::routes::table::RouteTable;

const LIMIT_MAX: u64 = 1_000;
const LIMIT_DEFAULT: u64 = 100;

/// A page of stock levels.
#[derive(JsonSchema, Serialize)]
struct StockPage {
    /// The stock levels, in order of SKU.
    items: Vec<StockLevel>,
    /// The `after` of the next page; null if this is the last page.
    next: Option<String>,
}

/// A page of the history.
#[derive(JsonSchema, Serialize)]
struct HistoryPage {
    /// The changes, oldest first.
    items: Vec<StockHistoryEntry>,
    /// The `after` of the next page; null if there is none yet.
    next: Option<String>,
}

pub(super) fn add(table: RouteTable) -> RouteTable {
    let list = Operation::get("/v1/stock", "list_stock", "List stock levels")
        .description("The totals of every SKU that ever had a batch.");
    let list = paged(list, SchemaGenerator::subschema_for::<Sku>)
        .responds::<StockPage>(200, "A page of stock levels, in order of SKU.");
    let get = of_sku(Operation::get("/v1/stock/{sku}", "get_stock", "Get the stock of a SKU"))
        .description("The totals of one SKU, its batches, and the lines that wait for it.")
        .responds::<StockDetail>(200, "The stock of the SKU.")
        .reads_views();
    let history =
        Operation::get("/v1/stock/{sku}/history", "get_stock_history", "Get the history of a SKU");
    let after = |_: &mut _| json_schema!({ "type": "integer", "minimum": 0, "maximum": AFTER_MAX });
    let history = paged(of_sku(history), after)
        .description(
            "The changes to the stock of a SKU, oldest first: each with the batch before and after it, \
             and with the command that caused it.",
        )
        .responds::<HistoryPage>(200, "A page of changes, oldest first.");
    table.route(list, list_stock).route(get, get_stock).route(history, stock_history)
}

fn of_sku(operation: Operation) -> Operation {
    operation.path::<Sku>("sku", "The SKU.").problems(&[&kinds::UNKNOWN_SKU])
}

fn paged(operation: Operation, after: SchemaFn) -> Operation {
    let operation =
        operation.with(ParameterIn::Query, "after", after, "The `next` of the previous page.");
    parameters::limit(operation, |_| whole(1, LIMIT_MAX, LIMIT_DEFAULT)).reads_views()
}

fn limit(request: &ApiRequest) -> Result<usize, Problem> {
    let limit = request.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?;
    Ok(usize::try_from(limit).expect("at most a thousand"))
}

async fn list_stock(request: ApiRequest) -> HttpResult {
    let limit = limit(&request)?;
    let after: Option<Sku> = request.query("after")?;
    let mut items = request.app.bus.ask(ListStock { after, limit: limit + 1 })?;
    let is_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| is_more).map(|last| last.sku.0.to_string());
    Ok(response::json(200, &StockPage { items, next }))
}

async fn get_stock(request: ApiRequest) -> HttpResult {
    let sku: Sku = request.path("sku")?;
    let stock = request.app.bus.ask(GetStock { sku: sku.clone() })?;
    let stock = stock.ok_or_else(|| unknown(sku))?;
    Ok(response::json(200, &stock))
}

async fn stock_history(request: ApiRequest) -> HttpResult {
    let sku: Sku = request.path("sku")?;
    let limit = limit(&request)?;
    let after = request.number("after", 0, 0..=AFTER_MAX)?;
    let question = StockHistory { sku: sku.clone(), after, limit: limit + 1 };
    let changes = request.ask_blocking(question).await?;
    let mut items = changes.ok_or_else(|| unknown(sku))?;
    let is_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| is_more);
    let next = next.map(|last| last.sequence.to_string());
    Ok(response::json(200, &HistoryPage { items, next }))
}

fn unknown(sku: Sku) -> Problem {
    earmark_contracts::allocation::AllocateRefused::UnknownSku { sku }.into()
}
