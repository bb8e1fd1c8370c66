//! Deliberate faults that check whether the tests catch them. They exist only with the feature
//! `failpoint`, and one at a time is enabled by an environment variable. `cargo xtask failpoints`
//! has the list.

/// The environment variable with the name of the enabled fault.
#[cfg(feature = "failpoint")]
const VARIABLE: &str = "EARMARK_FAILPOINT";

/// Whether this fault is enabled.
#[cfg(feature = "failpoint")]
#[must_use]
pub fn is_on(fault: &str) -> bool {
    use std::sync::OnceLock;
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| std::env::var(VARIABLE).ok());
    wanted.as_deref() == Some(fault)
}

/// Always `false`: this build has no faults.
#[cfg(not(feature = "failpoint"))]
#[must_use]
#[inline(always)]
pub const fn is_on(_: &str) -> bool {
    false
}
