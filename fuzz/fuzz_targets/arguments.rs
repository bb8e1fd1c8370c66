//! Parses a command line.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earmark::fuzzing::arguments(bytes));
