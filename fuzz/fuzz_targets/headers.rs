//! Header fields that are read.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earmark_gateway::fuzzing::headers(bytes));
