//! How the programs get memory, and how long they keep what is free: the server, and what it is
//! measured against.
#![expect(unsafe_code, reason = "mimalloc takes its settings through a function of C")]

use std::ffi::{c_int, c_long};
use std::fs;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2 (`include/mimalloc.h`); the bindings do not name it.
const PURGE_DELAY: c_int = 15;
/// How long pages that are free stay with the program, in milliseconds, where mimalloc gives them
/// back after 10; segments of which all is free stay ten times as long. Under load they are soon
/// wanted again, and would be got from the system one by one. The longer, the more memory there is
/// at the most.
const PURGE_DELAY_MS: c_long = 25;

/// Sets what the allocator does; called first of all: where other threads run already it does
/// nothing. What `MIMALLOC_PURGE_DELAY` says in the environment goes before.
pub fn set_up() {
    if is_alone() {
        // SAFETY: nobody reads the setting at the same time.
        unsafe { set_purge_delay() }
    }
}

/// Whether the program has one thread, where the system says so (Linux).
fn is_alone() -> bool {
    fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

/// # Safety
/// No other thread may allocate or free memory meanwhile: it would read what is written here.
unsafe fn set_purge_delay() {
    // SAFETY: mimalloc looks that it has such a setting; that nobody reads it is the caller's.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MS) }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const CHILD: &str = "EARMARK_ALLOCATOR_TEST_CHILD";
    const VARIABLE: &str = "MIMALLOC_PURGE_DELAY";

    fn told() {
        // SAFETY: the test's other thread waits for this one.
        let delay = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        println!("delay={delay};");
    }

    #[test]
    fn free_memory_is_kept_longer_unless_the_environment_says_how_long() {
        if std::env::var_os(CHILD).is_some() {
            assert!(!is_alone(), "a test has a thread of its own");
            told();
            // SAFETY: the test's other thread waits for this one.
            unsafe { set_purge_delay() }
            return told();
        }
        let delays = |in_environment: Option<&str>| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--nocapture", "free_memory"]).env(CHILD, "");
            child.env_remove("MIMALLOC_RESET_DELAY").env_remove(VARIABLE);
            child.envs(in_environment.map(|delay| (VARIABLE, delay)));
            let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
            let told = output.split("delay=").skip(1).filter_map(|it| it.split(';').next());
            told.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(delays(None), ["10", "25"]);
        assert_eq!(delays(Some("7")), ["7", "7"]);
    }
}
