//! The memory allocator of the server and of the benchmarks, and how long it keeps free memory.
#![expect(unsafe_code, reason = "mimalloc is configured by a C function")]

use std::ffi::{c_int, c_long};
use std::fs;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2 (`include/mimalloc.h`), which the bindings do not define.
const PURGE_DELAY: c_int = 15;
/// How long free pages stay with the program before they are returned to the system, in
/// milliseconds (mimalloc's default: 10). Entirely free segments stay ten times as long. Under load
/// the pages are soon needed again, and each request to the system costs time. A longer delay
/// raises the peak memory.
const PURGE_DELAY_MS: c_long = 25;

/// Configures the allocator. Call it first in `main`: if other threads are running, it does
/// nothing. The environment variable `MIMALLOC_PURGE_DELAY` takes precedence.
pub fn set_up() {
    if is_alone() {
        // SAFETY: no other thread reads the setting at the same time.
        unsafe { set_purge_delay() }
    }
}

/// Whether the program has a single thread; false if the system does not report it (Linux does).
fn is_alone() -> bool {
    fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

/// # Safety
/// No other thread may allocate or free memory meanwhile, because it would read the setting.
unsafe fn set_purge_delay() {
    // SAFETY: mimalloc checks the number of the setting; the caller excludes concurrent reads.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MS) }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const CHILD: &str = "EARMARK_ALLOCATOR_TEST_CHILD";
    const VARIABLE: &str = "MIMALLOC_PURGE_DELAY";

    fn print_delay() {
        // SAFETY: the test's other thread waits for this one.
        let delay = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        println!("delay={delay};");
    }

    #[test]
    fn free_memory_is_kept_longer_unless_the_environment_sets_the_delay() {
        if std::env::var_os(CHILD).is_some() {
            assert!(!is_alone(), "a test runs in a second thread");
            print_delay();
            // SAFETY: the test's other thread waits for this one.
            unsafe { set_purge_delay() }
            return print_delay();
        }
        let delays = |in_environment: Option<&str>| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--nocapture", "free_memory"]).env(CHILD, "");
            child.env_remove("MIMALLOC_RESET_DELAY").env_remove(VARIABLE);
            child.envs(in_environment.map(|delay| (VARIABLE, delay)));
            let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
            let delays = output.split("delay=").skip(1).filter_map(|it| it.split(';').next());
            delays.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(delays(None), ["10", "25"]);
        assert_eq!(delays(Some("7")), ["7", "7"]);
    }
}
