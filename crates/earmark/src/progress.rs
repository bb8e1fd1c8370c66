//! Progress bars, shown only on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar of `total` items; hidden if stderr is not a terminal.
pub fn bar(what: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8));
    let template = "{prefix} {bar:32} {human_pos}/{human_len} ({per_sec}, {eta} left)";
    bar.with_style(ProgressStyle::with_template(template).expect("a constant template"))
        .with_prefix(what)
}
