//! The program: how it allocates memory, and the rest of the node.

use std::process::ExitCode;

fn main() -> ExitCode {
    earmark_allocator::set_up();
    earmark::run()
}
