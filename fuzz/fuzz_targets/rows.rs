//! Files of batches, of lines and of orders.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earmark::fuzzing::rows(bytes));
