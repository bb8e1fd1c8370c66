//! `cargo xtask power`: cuts the power of real SQLite files and opens each state they can be in.

use crate::error::CliError;
use crate::workspace;

/// How many states of the disk are opened by default.
const IMAGES: &str = "3000";

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    let images = match arguments {
        [] => IMAGES,
        [flag, images] if flag == "--images" && images.parse::<u32>().is_ok() => images,
        _ => {
            let given = arguments.join(" ");
            return Err(CliError::usage(format!("takes `--images N` or nothing, not `{given}`")));
        }
    };
    let test = ["test", "--locked", "-p", "earmark-simulator", "--test", "it", "power::"];
    let mut cargo = workspace::cargo(&test);
    workspace::run(cargo.args(["--", "--nocapture"]).env("EARMARK_POWER_IMAGES", images))
}
