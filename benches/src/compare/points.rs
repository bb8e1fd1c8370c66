//! The points that are measured, in the order in which a round takes them.

use super::http::{self, Server};
use super::measured::Measured;
use super::nodes;
use super::redis_lua::{self, Persistence};
use super::row_locks;
use super::{Stage, http::replay};
use crate::failure::Failure;

/// A point.
#[derive(Clone, Copy)]
pub struct Point {
    pub name: &'static str,
    pub unit: &'static str,
    /// `--quick` keeps it.
    pub is_quick: bool,
    /// It needs the orders of a year.
    pub needs_orders: bool,
    run: Run,
}

impl Point {
    /// Measures it, once.
    pub fn measure(&self, stage: &Stage) -> Result<Measured, Failure> {
        (self.run)(stage).map_err(|failure| Failure::new(format!("{}: {failure}", self.name)))
    }
}

type Run = fn(&Stage) -> Result<Measured, Failure>;

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
const TIME_IDS: [&str; 4] = ["--workload", "uniform", "--order-ids", "time"];

/// All of them. What is compared stands side by side.
pub fn points() -> Vec<Point> {
    let mut points = over_http().to_vec();
    points.extend(others());
    points.extend(in_process());
    // Nobody does this alone: it is not among those that guide what is shipped.
    points.push(always("in-process/parts", |stage| http::in_process(stage, "parts")));
    points
}

/// Those that need nothing but this workspace's programs.
pub fn own() -> Vec<Point> {
    [over_http().as_slice(), in_process().as_slice()].concat()
}

fn over_http() -> [Point; 16] {
    use Server::{BareFile, Constant, Earmark};
    [
        always("constant/single-64", |stage| http::load(stage, Constant, &SINGLE)),
        always("bare-file/single-64", |stage| http::load(stage, BareFile, &SINGLE)),
        always("earmark/single-64", |stage| http::load(stage, Earmark, &SINGLE)),
        always("earmark/hot-64", |stage| http::load(stage, Earmark, &HOT)),
        whole("constant/single-256", |stage| http::load(stage, Constant, &WIDE)),
        whole("bare-file/single-256", |stage| http::load(stage, BareFile, &WIDE)),
        whole("earmark/single-256", |stage| http::load(stage, Earmark, &WIDE)),
        whole("earmark/hot-256", |stage| http::load(stage, Earmark, &HOT_WIDE)),
        whole("constant/bulk-100", |stage| http::load(stage, Constant, &BULK)),
        always("bare-file/bulk-100", |stage| http::load(stage, BareFile, &BULK)),
        always("earmark/bulk-100", |stage| http::load(stage, Earmark, &BULK)),
        whole("earmark/zipf-64", |stage| http::load(stage, Earmark, &["--workload", "zipf"])),
        whole("earmark/time-ids-64", |stage| http::load(stage, Earmark, &TIME_IDS)),
        whole("earmark/reads-64", |stage| http::load(stage, Earmark, &["--workload", "reads"])),
        whole("earmark/shortage", |stage| http::load(stage, Earmark, &["--workload", "shortage"])),
        whole("earmark/cold-start", |stage| {
            http::load(stage, Earmark, &["--workload", "cold-start"])
        }),
    ]
}

fn in_process() -> [Point; 3] {
    [
        always("in-process/bare-file", |stage| http::in_process(stage, "bare-file")),
        always("in-process/bus", |stage| http::in_process(stage, "bus")),
        Point { needs_orders: true, ..whole("earmark/replay", replay) },
    ]
}

fn others() -> [Point; 20] {
    use Persistence::{Always, Everysec, No};
    [
        whole("one-node/uniform-64", |stage| nodes::measure(stage, 1, 64, "uniform")),
        whole("two-nodes/uniform-64", |stage| nodes::measure(stage, 2, 64, "uniform")),
        whole("two-alone/uniform-64", |stage| nodes::measure_alone(stage, 2, 64, "uniform")),
        whole("one-node/hot-64", |stage| nodes::measure(stage, 1, 64, "hot")),
        whole("two-nodes/hot-64", |stage| nodes::measure(stage, 2, 64, "hot")),
        whole("one-node/uniform-256", |stage| nodes::measure(stage, 1, 256, "uniform")),
        whole("two-nodes/uniform-256", |stage| nodes::measure(stage, 2, 256, "uniform")),
        whole("two-alone/uniform-256", |stage| nodes::measure_alone(stage, 2, 256, "uniform")),
        whole("one-node/hot-256", |stage| nodes::measure(stage, 1, 256, "hot")),
        whole("two-nodes/hot-256", |stage| nodes::measure(stage, 2, 256, "hot")),
        always("row-locks/uniform-8", |stage| row_locks::measure(stage, 10_000, 8)),
        whole("row-locks/uniform-64", |stage| row_locks::measure(stage, 10_000, 64)),
        always("row-locks/hot-8", |stage| row_locks::measure(stage, 1, 8)),
        whole("row-locks/hot-64", |stage| row_locks::measure(stage, 1, 64)),
        always("redis-lua/always", |stage| redis_lua::measure(stage, Always, 1)),
        always("redis-lua/always-by-16", |stage| redis_lua::measure(stage, Always, 16)),
        whole("redis-lua/everysec", |stage| redis_lua::measure(stage, Everysec, 1)),
        whole("redis-lua/everysec-by-16", |stage| redis_lua::measure(stage, Everysec, 16)),
        whole("redis-lua/none", |stage| redis_lua::measure(stage, No, 1)),
        whole("redis-lua/none-by-16", |stage| redis_lua::measure(stage, No, 16)),
    ]
}

#[cfg(test)]
mod tests {
    use super::{own, points};

    #[test]
    fn our_own_points_need_no_server_of_others() {
        let others = ["row-locks/", "redis-lua/", "one-node/", "two-nodes/", "two-alone/"];
        let is_of_others = |name: &str| others.iter().any(|it| name.starts_with(it));
        let own: Vec<&str> = own().iter().map(|point| point.name).collect();
        assert!(!own.iter().any(|name| is_of_others(name)));
        let all = points();
        let mut expected: Vec<&str> = all.iter().map(|point| point.name).collect();
        expected.retain(|name| !is_of_others(name) && *name != "in-process/parts");
        assert_eq!(own, expected);
    }
}
