//! Parses JSON lines.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earmark_gateway::fuzzing::lines(bytes));
