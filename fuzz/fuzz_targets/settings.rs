//! A file of settings, and one of keys.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earmark::fuzzing::settings(bytes));
