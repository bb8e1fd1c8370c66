//! Parses the header fields that the API uses.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earmark_gateway::fuzzing::headers(bytes));
