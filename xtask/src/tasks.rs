//! The list of all tasks.

use crate::build::{bench, demo, dist, release};
use crate::check::{failpoints, power, schemathesis, simulate, test, torture};
use crate::error::CliError;
use crate::pages::{flows, messages};
use crate::tidy;

/// One subcommand.
pub struct Task {
    pub group: &'static str,
    pub name: &'static str,
    pub arguments: &'static str,
    pub does: &'static str,
    /// A call with arguments; empty if the name alone says enough.
    pub example: &'static str,
    pub run: fn(&[String]) -> Result<(), CliError>,
}

const BUILD: &str = "Build and run";
const CHECK: &str = "Check";
const STRESS: &str = "Check for longer";
const PAGES: &str = "Generate documentation";

/// All tasks, those of a group together.
pub const TASKS: [Task; 13] = [
    Task {
        group: BUILD,
        name: "build",
        arguments: "",
        does: "Build the release binary.",
        example: "",
        run: release::run,
    },
    Task {
        group: BUILD,
        name: "demo",
        arguments: "[--exit] [ARGS…]",
        does: "Build, replay real orders, verify, and keep the server running.",
        example: "demo --exit",
        run: demo::run,
    },
    Task {
        group: BUILD,
        name: "dist",
        arguments: "",
        does: "Build what is shipped, with a recorded profile; about 15 minutes.",
        example: "",
        run: dist::run,
    },
    Task {
        group: BUILD,
        name: "bench",
        arguments: "[--quick] [ARGS…]",
        does: "Build as `dist` does, measure with the baselines, write a result.",
        example: "bench --quick",
        run: bench::run,
    },
    Task {
        group: CHECK,
        name: "test",
        arguments: "[--quick]",
        does: "Run all that CI runs; with --quick what is useful between edits.",
        example: "test --quick",
        run: test::run,
    },
    Task {
        group: CHECK,
        name: "tidy",
        arguments: "",
        does: "Check rules of this project that no compiler or linter checks.",
        example: "",
        run: tidy::run,
    },
    Task {
        group: CHECK,
        name: "schemathesis",
        arguments: "",
        does: "Test a server with requests generated from its OpenAPI document.",
        example: "",
        run: schemathesis::run,
    },
    Task {
        group: STRESS,
        name: "simulate",
        arguments: "[ARGS…]",
        does: "Run the whole system on virtual time, with faults, from a seed.",
        example: "simulate --fresh --seeds 2000",
        run: simulate::run,
    },
    Task {
        group: STRESS,
        name: "torture",
        arguments: "[ARGS…]",
        does: "Kill, stop and overload the release build; takes minutes.",
        example: "torture --help",
        run: torture::run,
    },
    Task {
        group: STRESS,
        name: "failpoints",
        arguments: "",
        does: "Turn deliberate faults on, one by one; a test must catch each.",
        example: "",
        run: failpoints::run,
    },
    Task {
        group: STRESS,
        name: "power",
        arguments: "[--images N]",
        does: "Cut the power of SQLite files; open N states of the disk (default 3000).",
        example: "power --images 100",
        run: power::run,
    },
    Task {
        group: PAGES,
        name: "messages",
        arguments: "[--check]",
        does: "Write docs/MESSAGES.md; with --check only compare it.",
        example: "messages --check",
        run: messages::run,
    },
    Task {
        group: PAGES,
        name: "flows",
        arguments: "[--check]",
        does: "Write docs/FLOWS.md; with --check only compare it.",
        example: "flows --check",
        run: flows::run,
    },
];
