//! Parses files of batches, lines and orders.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earmark::fuzzing::rows(bytes));
