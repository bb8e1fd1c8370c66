//! The program: how it allocates memory, and the rest of the house.

use std::process::ExitCode;

fn main() -> ExitCode {
    earmark_allocator::set_up();
    earmark::run()
}
