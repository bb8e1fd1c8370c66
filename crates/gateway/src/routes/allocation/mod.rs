//! The routes of allocation: the book's, and those that go beyond it.

mod batches;
mod book;
mod bulk;
mod goods;
mod holds;
mod lines;
mod stock;

use super::Routes;

pub(crate) fn draw(routes: Routes) -> Routes {
    let routes = book::draw(routes.group("The book's routes"));
    let routes = batches::draw(routes.group("Batches"));
    let routes = lines::draw(routes.group("Lines"));
    let routes = bulk::draw(routes);
    let routes = holds::draw(routes.group("Holds"));
    let routes = goods::draw(routes.group("Goods"));
    stock::draw(routes.group("Stock"))
}
