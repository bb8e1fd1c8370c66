//! The binary, end to end: real processes on real folders.
