//! How the programs get memory, and how long they keep what is free: the server, and what it is
//! measured against.
#![expect(unsafe_code, reason = "mimalloc takes its settings through a function of C")]

use std::ffi::{c_int, c_long};

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2 (`include/mimalloc.h`); the bindings do not name it.
const PURGE_DELAY: c_int = 15;
/// How long memory that is free stays with the program, in milliseconds, where mimalloc gives it
/// back after 10: under load it is soon wanted again, and would be got from the system page by
/// page. The longer, the more of it is there at the most.
const PURGE_DELAY_MS: c_long = 50;

/// Sets what the allocator does; called once, first of all. What `MIMALLOC_PURGE_DELAY` says in
/// the environment goes before.
pub fn set_up() {
    // SAFETY: it writes a number into a table, and only where the table has a place for it.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay() -> c_long {
        // SAFETY: reads a number.
        unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }
    }

    #[test]
    fn free_memory_is_kept_for_longer_than_mimalloc_would() {
        assert_eq!(delay(), 10, "the default of the option that is meant");
        set_up();
        assert_eq!(delay(), PURGE_DELAY_MS);
    }
}
