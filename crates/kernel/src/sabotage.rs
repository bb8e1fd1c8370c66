//! Faults built in on purpose, to see that the tests catch them: only with the feature `sabotage`,
//! and then one at a time, named by the environment. `cargo xtask sabotage` has the list.

/// The variable that names the fault.
#[cfg(feature = "sabotage")]
const VARIABLE: &str = "EARMARK_SABOTAGE";

/// Whether this fault is wanted.
#[cfg(feature = "sabotage")]
#[must_use]
pub fn is_on(fault: &str) -> bool {
    use std::sync::OnceLock;
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| std::env::var(VARIABLE).ok());
    wanted.as_deref() == Some(fault)
}

/// No fault is built in.
#[cfg(not(feature = "sabotage"))]
#[must_use]
#[inline(always)]
pub const fn is_on(_: &str) -> bool {
    false
}
