//! All routes of allocation, by group.

use super::{batches, bulk, compat, goods, holds, lines, stock};
use crate::routes::table::RouteTable;

pub(in crate::routes) fn add(table: RouteTable) -> RouteTable {
    let table = compat::add(table.group("Compatibility"));
    let table = batches::add(table.group("Batches"));
    let table = lines::add(table.group("Lines"));
    let table = bulk::add(table);
    let table = holds::add(table.group("Holds"));
    let table = goods::add(table.group("Goods"));
    stock::add(table.group("Stock"))
}
