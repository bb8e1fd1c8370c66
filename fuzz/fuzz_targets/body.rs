//! Parses the bodies of all commands.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earmark_gateway::fuzzing::body(bytes));
