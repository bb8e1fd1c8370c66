//! `earmark-torture`: tortures the program beside it, and says whether it kept its promises.

mod arguments;

use std::hash::BuildHasher;
use std::process::ExitCode;

use clap::Parser;
use earmark_torture::{Ground, run};
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match torture(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(says) => {
            eprintln!("{says}");
            ExitCode::FAILURE
        }
    }
}

fn torture(arguments: &Arguments) -> Result<(), String> {
    let beside = || std::env::current_exe().map(|own| own.with_file_name("earmark"));
    let program = arguments.program.clone().map_or_else(beside, Ok);
    let program = program.map_err(|error| error.to_string())?;
    let seed = arguments.seed.unwrap_or_else(unseen);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let mut all = serde_json::Map::new();
    all.insert("seed".to_owned(), seed.into());
    eprintln!("seed {seed}");
    for (name, torture) in arguments.tortures() {
        let bar = ProgressBar::new(0).with_style(style()).with_prefix(name);
        let ground = Ground { program: program.clone(), store: None, redis: None, seed, bar };
        let ended = runtime.block_on(run(&ground, torture));
        let seconds = ground.bar.elapsed().as_secs();
        ground.bar.finish_and_clear();
        let figures = ended.map_err(|says| format!("{name} broke a promise\n{says}"))?;
        if arguments.json {
            all.insert(name.to_owned(), figures.json());
        } else {
            println!("{name}: every promise kept, {seconds} s\n{}\n", figures.table());
        }
    }
    if arguments.json {
        println!("{}", serde_json::Value::Object(all));
    }
    Ok(())
}

/// A seed that nobody has seen, of so few digits that it can be typed.
#[expect(clippy::disallowed_methods, reason = "chance chooses the seed, and nothing after it")]
fn unseen() -> u64 {
    std::hash::RandomState::new().hash_one(()) % 1_000_000_000
}

fn style() -> ProgressStyle {
    let template = "{prefix} {wide_bar} {pos} of {len}, {eta} left {msg}";
    ProgressStyle::with_template(template).expect("a template that is known")
}
