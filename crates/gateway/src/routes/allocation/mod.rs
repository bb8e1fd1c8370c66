//! The routes of allocation: the book's, and those that go beyond it.

mod batches;
mod book;
pub(crate) mod bulk;
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

/// What is wrong with a body that is none of those which only this edge knows.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read_all(bytes: &[u8]) -> Vec<crate::problem::Problem> {
    use crate::json::{Object, read};
    let ended = [
        read::<Object<book::AddBatch>>(bytes, "").err(),
        read::<Object<book::AllocateLine>>(bytes, "").err(),
        read::<Object<batches::BatchChange>>(bytes, "").err(),
    ];
    ended.into_iter().flatten().collect()
}
