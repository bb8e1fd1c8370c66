//! Reasons given by callers, as they are stored in events.

const REASON_CHARS_MAX: usize = 200;

/// The first [`REASON_CHARS_MAX`] characters of a reason.
pub(super) fn truncated(reason: &str) -> String {
    reason.chars().take(REASON_CHARS_MAX).collect()
}
