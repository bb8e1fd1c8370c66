//! `earmark-torture`: applies faults and load to the program, and reports violated guarantees.

mod arguments;

use std::hash::BuildHasher;
use std::process::ExitCode;

use clap::Parser;
use earmark_torture::{Setup, run};
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match torture(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn torture(arguments: &Arguments) -> Result<(), String> {
    let neighbour = || std::env::current_exe().map(|own| own.with_file_name("earmark"));
    let program = arguments.program.clone().map_or_else(neighbour, Ok);
    let program = program.map_err(|error| error.to_string())?;
    let seed = arguments.seed.unwrap_or_else(random_seed);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let mut all = serde_json::Map::new();
    all.insert("seed".to_owned(), seed.into());
    eprintln!("seed {seed}");
    for (name, torture) in arguments.tortures() {
        let bar = ProgressBar::new(0).with_style(style()).with_prefix(name);
        let setup = Setup { program: program.clone(), store: None, redis: None, seed, bar };
        let ended = runtime.block_on(run(&setup, torture));
        let seconds = setup.bar.elapsed().as_secs();
        setup.bar.finish_and_clear();
        let figures =
            ended.map_err(|message| format!("{name}: a guarantee is violated\n{message}"))?;
        if arguments.json {
            all.insert(name.to_owned(), figures.json());
        } else {
            println!("{name}: all guarantees hold, {seconds} s\n{}\n", figures.table());
        }
    }
    if arguments.json {
        println!("{}", serde_json::Value::Object(all));
    }
    Ok(())
}

/// A random seed of at most nine digits, which is easy to type.
#[expect(clippy::disallowed_methods, reason = "only the seed is random")]
fn random_seed() -> u64 {
    std::hash::RandomState::new().hash_one(()) % 1_000_000_000
}

fn style() -> ProgressStyle {
    let template = "{prefix} {wide_bar} {pos} of {len}, {eta} left {msg}";
    ProgressStyle::with_template(template).expect("the template is valid")
}
