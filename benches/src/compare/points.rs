//! The points that are measured.

use super::http::{self, Server, replay};
use super::nodes;
use super::redis_lua;
use super::redis_lua::Persistence::{Always, Everysec, No};
use super::row_locks;
use super::side::Point;
use super::side::Run::{self, Alone, InTurn};

fn always(name: &'static str, run: Run) -> Point {
    Point { name, unit: "lines/s", is_quick: true, needs_orders: false, run }
}

fn whole(name: &'static str, run: Run) -> Point {
    Point { is_quick: false, ..always(name, run) }
}

const SINGLE: [&str; 2] = ["--workload", "uniform"];
const WIDE: [&str; 4] = ["--workload", "uniform", "--connections", "256"];
const HOT: [&str; 2] = ["--workload", "hot"];
const HOT_WIDE: [&str; 4] = ["--workload", "hot", "--connections", "256"];
const BULK: [&str; 4] = ["--workload", "bulk", "--connections", "16"];
const ZIPF: [&str; 2] = ["--workload", "zipf"];
const READS: [&str; 2] = ["--workload", "reads"];
const SHORTAGE: [&str; 2] = ["--workload", "shortage"];
const COLD_START: [&str; 2] = ["--workload", "cold-start"];
const TIME_IDS: [&str; 4] = ["--workload", "uniform", "--order-ids", "time"];

/// All of them, in the order in which a round takes them; the points of a set in turn.
pub fn sets() -> Vec<Vec<Point>> {
    // What is compared with others stands next to them.
    let (single, others) = (single(), others_of_single());
    let (apart, near) = single.split_at(3);
    let (uniform, hot) = others.split_at(3);
    let mut sets = vec![
        [apart, uniform, near, hot].concat(),
        wide().into(),
        [bulk().as_slice(), &others_of_bulk()].concat(),
    ];
    let mut alone = [loads().as_slice(), &nodes(), &redis(), &in_process()].concat();
    // Nobody does this alone: it is not among those that guide what is shipped.
    alone.push(always("in-process/parts", Alone(|stage| http::in_process(stage, "parts"))));
    sets.extend(alone.into_iter().map(|point| vec![point]));
    sets
}

/// Those that need nothing but this workspace's programs.
pub fn own() -> Vec<Point> {
    [single().as_slice(), &wide(), &bulk(), &loads(), &in_process()].concat()
}

/// Single requests from 64 connections.
fn single() -> [Point; 7] {
    use Server::{BareFile, BareLog, Constant, Earmark};
    [
        always("constant/single-64", InTurn(|stage| http::begin(stage, Constant, &SINGLE))),
        whole("earmark/time-ids-64", InTurn(|stage| http::begin(stage, Earmark, &TIME_IDS))),
        whole("earmark/zipf-64", InTurn(|stage| http::begin(stage, Earmark, &ZIPF))),
        whole("bare-log/single-64", InTurn(|stage| http::begin(stage, BareLog, &SINGLE))),
        always("earmark/single-64", InTurn(|stage| http::begin(stage, Earmark, &SINGLE))),
        always("bare-file/single-64", InTurn(|stage| http::begin(stage, BareFile, &SINGLE))),
        always("earmark/hot-64", InTurn(|stage| http::begin(stage, Earmark, &HOT))),
    ]
}

/// What others do of the same kind, over all SKUs and on one.
fn others_of_single() -> [Point; 5] {
    [
        whole("row-locks/uniform-64", InTurn(|stage| row_locks::begin(stage, 10_000, 64))),
        always("row-locks/uniform-8", InTurn(|stage| row_locks::begin(stage, 10_000, 8))),
        always("redis-lua/always", InTurn(|stage| redis_lua::begin(stage, Always, 1))),
        always("row-locks/hot-8", InTurn(|stage| row_locks::begin(stage, 1, 8))),
        whole("row-locks/hot-64", InTurn(|stage| row_locks::begin(stage, 1, 64))),
    ]
}

/// Single requests from 256 connections.
fn wide() -> [Point; 5] {
    use Server::{BareFile, BareLog, Constant, Earmark};
    [
        whole("constant/single-256", InTurn(|stage| http::begin(stage, Constant, &WIDE))),
        whole("bare-file/single-256", InTurn(|stage| http::begin(stage, BareFile, &WIDE))),
        whole("bare-log/single-256", InTurn(|stage| http::begin(stage, BareLog, &WIDE))),
        whole("earmark/single-256", InTurn(|stage| http::begin(stage, Earmark, &WIDE))),
        whole("earmark/hot-256", InTurn(|stage| http::begin(stage, Earmark, &HOT_WIDE))),
    ]
}

/// A hundred lines a request.
fn bulk() -> [Point; 4] {
    use Server::{BareFile, BareLog, Constant, Earmark};
    [
        whole("constant/bulk-100", InTurn(|stage| http::begin(stage, Constant, &BULK))),
        always("bare-file/bulk-100", InTurn(|stage| http::begin(stage, BareFile, &BULK))),
        whole("bare-log/bulk-100", InTurn(|stage| http::begin(stage, BareLog, &BULK))),
        always("earmark/bulk-100", InTurn(|stage| http::begin(stage, Earmark, &BULK))),
    ]
}

fn others_of_bulk() -> [Point; 1] {
    [always("redis-lua/always-by-16", InTurn(|stage| redis_lua::begin(stage, Always, 16)))]
}

/// What is compared with nothing.
fn loads() -> [Point; 3] {
    [
        whole("earmark/reads-64", Alone(|stage| http::load(stage, &READS))),
        whole("earmark/shortage", Alone(|stage| http::load(stage, &SHORTAGE))),
        whole("earmark/cold-start", Alone(|stage| http::load(stage, &COLD_START))),
    ]
}

fn in_process() -> [Point; 3] {
    [
        always("in-process/bare-file", Alone(|stage| http::in_process(stage, "bare-file"))),
        always("in-process/bus", Alone(|stage| http::in_process(stage, "bus"))),
        Point { needs_orders: true, ..whole("earmark/replay", Alone(replay)) },
    ]
}

fn redis() -> [Point; 4] {
    [
        whole("redis-lua/everysec", InTurn(|stage| redis_lua::begin(stage, Everysec, 1))),
        whole("redis-lua/everysec-by-16", InTurn(|stage| redis_lua::begin(stage, Everysec, 16))),
        whole("redis-lua/none", InTurn(|stage| redis_lua::begin(stage, No, 1))),
        whole("redis-lua/none-by-16", InTurn(|stage| redis_lua::begin(stage, No, 16))),
    ]
}

fn nodes() -> [Point; 10] {
    use nodes::{measure, measure_alone};
    [
        whole("one-node/uniform-64", Alone(|stage| measure(stage, 1, 64, "uniform"))),
        whole("two-nodes/uniform-64", Alone(|stage| measure(stage, 2, 64, "uniform"))),
        whole("two-alone/uniform-64", Alone(|stage| measure_alone(stage, 2, 64, "uniform"))),
        whole("one-node/hot-64", Alone(|stage| measure(stage, 1, 64, "hot"))),
        whole("two-nodes/hot-64", Alone(|stage| measure(stage, 2, 64, "hot"))),
        whole("one-node/uniform-256", Alone(|stage| measure(stage, 1, 256, "uniform"))),
        whole("two-nodes/uniform-256", Alone(|stage| measure(stage, 2, 256, "uniform"))),
        whole("two-alone/uniform-256", Alone(|stage| measure_alone(stage, 2, 256, "uniform"))),
        whole("one-node/hot-256", Alone(|stage| measure(stage, 1, 256, "hot"))),
        whole("two-nodes/hot-256", Alone(|stage| measure(stage, 2, 256, "hot"))),
    ]
}

#[cfg(test)]
mod tests {
    use super::{own, sets};

    #[test]
    fn our_own_points_need_no_server_of_others() {
        let others = ["row-locks/", "redis-lua/", "one-node/", "two-nodes/", "two-alone/"];
        let is_of_others = |name: &str| others.iter().any(|it| name.starts_with(it));
        let own: Vec<&str> = own().iter().map(|point| point.name).collect();
        assert!(!own.iter().any(|name| is_of_others(name)));
        let mut expected: Vec<&str> = sets().iter().flatten().map(|point| point.name).collect();
        expected.retain(|name| !is_of_others(name) && *name != "in-process/parts");
        assert_eq!(own, expected);
    }
}
