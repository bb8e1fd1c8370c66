//! The points that are measured.

use super::http::{self, Server, replay};
use super::nodes;
use super::redis_lua;
use super::redis_lua::Persistence::{Always, Everysec, No};
use super::row_locks;
use super::turns::Point;
use super::turns::Run::{self, Alone, InTurn};

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

/// All points in the order of a round; the points of a set are measured in turns.
pub fn sets() -> Vec<Vec<Point>> {
    // Points that are compared with other systems are next to them.
    let (single, others) = (single(), others_of_single());
    let (first, compared) = single.split_at(3);
    let (uniform, hot) = others.split_at(3);
    let mut sets = vec![
        [first, uniform, compared, hot].concat(),
        wide().into(),
        [bulk().as_slice(), &others_of_bulk()].concat(),
    ];
    let mut alone = [loads().as_slice(), &nodes(), &redis(), &in_process()].concat();
    // Not a real workload, so it is not part of the profile that guides the release build.
    alone.push(always("in-process/parts", Alone(|env| http::in_process(env, "parts"))));
    sets.extend(alone.into_iter().map(|point| vec![point]));
    sets
}

/// The points that need only programs of this workspace.
pub fn own() -> Vec<Point> {
    [single().as_slice(), &wide(), &bulk(), &loads(), &in_process()].concat()
}

/// Single requests from 64 connections.
fn single() -> [Point; 7] {
    use Server::{BareFile, BareLog, Constant, Earmark};
    [
        always("constant/single-64", InTurn(|env| http::begin(env, Constant, &SINGLE))),
        whole("earmark/time-ids-64", InTurn(|env| http::begin(env, Earmark, &TIME_IDS))),
        whole("earmark/zipf-64", InTurn(|env| http::begin(env, Earmark, &ZIPF))),
        whole("bare-log/single-64", InTurn(|env| http::begin(env, BareLog, &SINGLE))),
        always("earmark/single-64", InTurn(|env| http::begin(env, Earmark, &SINGLE))),
        always("bare-file/single-64", InTurn(|env| http::begin(env, BareFile, &SINGLE))),
        always("earmark/hot-64", InTurn(|env| http::begin(env, Earmark, &HOT))),
    ]
}

/// Single requests of other systems, over all SKUs and on one.
fn others_of_single() -> [Point; 5] {
    [
        whole("row-locks/uniform-64", InTurn(|env| row_locks::begin(env, 10_000, 64))),
        always("row-locks/uniform-8", InTurn(|env| row_locks::begin(env, 10_000, 8))),
        always("redis-lua/always", InTurn(|env| redis_lua::begin(env, Always, 1))),
        always("row-locks/hot-8", InTurn(|env| row_locks::begin(env, 1, 8))),
        whole("row-locks/hot-64", InTurn(|env| row_locks::begin(env, 1, 64))),
    ]
}

/// Single requests from 256 connections.
fn wide() -> [Point; 5] {
    use Server::{BareFile, BareLog, Constant, Earmark};
    [
        whole("constant/single-256", InTurn(|env| http::begin(env, Constant, &WIDE))),
        whole("bare-file/single-256", InTurn(|env| http::begin(env, BareFile, &WIDE))),
        whole("bare-log/single-256", InTurn(|env| http::begin(env, BareLog, &WIDE))),
        whole("earmark/single-256", InTurn(|env| http::begin(env, Earmark, &WIDE))),
        whole("earmark/hot-256", InTurn(|env| http::begin(env, Earmark, &HOT_WIDE))),
    ]
}

/// Requests with 100 lines.
fn bulk() -> [Point; 4] {
    use Server::{BareFile, BareLog, Constant, Earmark};
    [
        whole("constant/bulk-100", InTurn(|env| http::begin(env, Constant, &BULK))),
        always("bare-file/bulk-100", InTurn(|env| http::begin(env, BareFile, &BULK))),
        whole("bare-log/bulk-100", InTurn(|env| http::begin(env, BareLog, &BULK))),
        always("earmark/bulk-100", InTurn(|env| http::begin(env, Earmark, &BULK))),
    ]
}

fn others_of_bulk() -> [Point; 1] {
    [always("redis-lua/always-by-16", InTurn(|env| redis_lua::begin(env, Always, 16)))]
}

/// Points without a comparison.
fn loads() -> [Point; 3] {
    [
        whole("earmark/reads-64", Alone(|env| http::load(env, &READS))),
        whole("earmark/shortage", Alone(|env| http::load(env, &SHORTAGE))),
        whole("earmark/cold-start", Alone(|env| http::load(env, &COLD_START))),
    ]
}

fn in_process() -> [Point; 3] {
    [
        always("in-process/bare-file", Alone(|env| http::in_process(env, "bare-file"))),
        always("in-process/bus", Alone(|env| http::in_process(env, "bus"))),
        Point { needs_orders: true, ..whole("earmark/replay", Alone(replay)) },
    ]
}

fn redis() -> [Point; 4] {
    [
        whole("redis-lua/everysec", InTurn(|env| redis_lua::begin(env, Everysec, 1))),
        whole("redis-lua/everysec-by-16", InTurn(|env| redis_lua::begin(env, Everysec, 16))),
        whole("redis-lua/none", InTurn(|env| redis_lua::begin(env, No, 1))),
        whole("redis-lua/none-by-16", InTurn(|env| redis_lua::begin(env, No, 16))),
    ]
}

fn nodes() -> [Point; 10] {
    use nodes::{measure, measure_alone};
    [
        whole("one-node/uniform-64", Alone(|env| measure(env, 1, 64, "uniform"))),
        whole("two-nodes/uniform-64", Alone(|env| measure(env, 2, 64, "uniform"))),
        whole("two-alone/uniform-64", Alone(|env| measure_alone(env, 2, 64, "uniform"))),
        whole("one-node/hot-64", Alone(|env| measure(env, 1, 64, "hot"))),
        whole("two-nodes/hot-64", Alone(|env| measure(env, 2, 64, "hot"))),
        whole("one-node/uniform-256", Alone(|env| measure(env, 1, 256, "uniform"))),
        whole("two-nodes/uniform-256", Alone(|env| measure(env, 2, 256, "uniform"))),
        whole("two-alone/uniform-256", Alone(|env| measure_alone(env, 2, 256, "uniform"))),
        whole("one-node/hot-256", Alone(|env| measure(env, 1, 256, "hot"))),
        whole("two-nodes/hot-256", Alone(|env| measure(env, 2, 256, "hot"))),
    ]
}

#[cfg(test)]
mod tests {
    use super::{own, sets};

    #[test]
    fn own_points_need_no_other_server() {
        let others = ["row-locks/", "redis-lua/", "one-node/", "two-nodes/", "two-alone/"];
        let is_of_others = |name: &str| others.iter().any(|it| name.starts_with(it));
        let own: Vec<&str> = own().iter().map(|point| point.name).collect();
        assert!(!own.iter().any(|name| is_of_others(name)));
        let mut expected: Vec<&str> = sets().iter().flatten().map(|point| point.name).collect();
        expected.retain(|name| !is_of_others(name) && *name != "in-process/parts");
        assert_eq!(own, expected);
    }
}
