//! `rehearse`: runs the load of all points of our own once, to record a profile.

use std::path::PathBuf;

use clap::Args;

use super::environment::{BenchEnv, REHEARSAL};
use super::points::own;
use super::turns;
use crate::failure::Failure;

/// Run the load of every point that needs only our own programs once, without measuring it
///
/// The profile that an instrumented build records during this guides the release build.
#[derive(Args, Debug)]
pub struct Rehearse {
    /// Folder for the files of all servers
    #[arg(long, default_value = "target")]
    scratch: PathBuf,
    /// Orders that `earmark replay` sends
    #[arg(long, value_name = "FILE", default_value = "demo/online-retail-slice.csv.gz")]
    orders: PathBuf,
}

impl Rehearse {
    pub fn run(self) -> Result<(), Failure> {
        let env =
            BenchEnv { orders: Some(self.orders), ..BenchEnv::open(&self.scratch, REHEARSAL)? };
        for point in own() {
            turns::measure(&[point], &env, |point, _| eprintln!("rehearsed {}", point.name))?;
        }
        Ok(())
    }
}
