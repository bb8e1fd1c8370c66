//! Faults built in on purpose, to see that the tests catch them: only with the feature `failpoint`,
//! and then one at a time, named by the environment. `cargo xtask failpoints` has the list.

/// The variable that names the fault.
#[cfg(feature = "failpoint")]
const VARIABLE: &str = "EARMARK_FAILPOINT";

/// Whether this fault is wanted.
#[cfg(feature = "failpoint")]
#[must_use]
pub fn is_on(fault: &str) -> bool {
    use std::sync::OnceLock;
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| std::env::var(VARIABLE).ok());
    wanted.as_deref() == Some(fault)
}

/// No fault is built in.
#[cfg(not(feature = "failpoint"))]
#[must_use]
#[inline(always)]
pub const fn is_on(_: &str) -> bool {
    false
}
