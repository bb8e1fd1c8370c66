//! The program: sets up the memory allocator and runs the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    earmark_allocator::set_up();
    earmark::run()
}
