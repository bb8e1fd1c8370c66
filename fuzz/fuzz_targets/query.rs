//! The query of an address.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earmark_gateway::fuzzing::query(bytes));
