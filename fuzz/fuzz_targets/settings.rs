//! Parses configuration files and files of API keys.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earmark::fuzzing::settings(bytes));
