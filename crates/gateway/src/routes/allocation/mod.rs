//! The routes of allocation: the book's, and those that go beyond it.

mod batches;
pub(crate) mod bulk;
mod compat;
mod goods;
mod holds;
mod lines;
mod stock;

use super::Routes;

pub(crate) fn draw(routes: Routes) -> Routes {
    let routes = compat::draw(routes.group("Compatibility"));
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
        read::<Object<compat::AddBatch>>(bytes, "").err(),
        read::<Object<compat::AllocateLine>>(bytes, "").err(),
        read::<Object<batches::BatchChange>>(bytes, "").err(),
    ];
    ended.into_iter().flatten().collect()
}
