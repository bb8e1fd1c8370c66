//! A service for the suite's intake: it adds numbers, refuses some, and breaks on one.
