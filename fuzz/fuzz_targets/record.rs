//! Parses records of a log.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earmark_kernel::fuzzing::record(bytes));
