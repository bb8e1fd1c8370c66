//! `cargo xtask power`: power cuts on real SQLite files, as many images of them as wished.

use crate::failure::Failure;
use crate::workspace;

/// How many images are opened when nothing is said.
const IMAGES: &str = "3000";

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let images = match arguments {
        [] => IMAGES,
        [flag, images] if flag == "--images" && images.parse::<u32>().is_ok() => images,
        _ => {
            let says = format!("say `--images N`, not {:?}", arguments.join(" "));
            return Err(Failure { says, code: 2 });
        }
    };
    let test = ["test", "--locked", "-p", "earmark-simulator", "--test", "power"];
    let mut cargo = workspace::cargo(&test);
    workspace::run(cargo.args(["--", "--nocapture"]).env("EARMARK_POWER_IMAGES", images))
}
