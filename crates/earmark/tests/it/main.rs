//! The binary, end to end: real processes, real folders, real signals.

mod book;
mod commands;
mod folders;
mod import;
mod program;
mod replay;
mod whole_year;
