//! The report of a measurement as a table.

use comfy_table::Table;
use earmark_loadgen::load::{Latency, Report, ViewWaits};

use crate::output::{self, number};

/// Threads with less CPU time per request are not shown.
const THREAD_US_MIN: f64 = 0.05;

/// The report as a table.
pub fn table(report: &Report) -> Table {
    let mut rows = vec![
        row("workload", report.workload),
        row("order ids", report.order_ids),
        row("connections", number(report.connections as u64)),
        row("loop", report.rate.map_or("closed".to_owned(), |rate| format!("{rate}/s"))),
        row("requests", number(report.requests)),
        row("requests/s", format!("{:.0}", report.requests_per_second)),
        row("lines/s", format!("{:.0}", report.lines_per_second)),
        row("p50 / p90 / p99 / p99.9 / max ms", latency(&report.latency_ms)),
    ];
    let optional = [
        ("reads: the same", report.read_latency_ms.as_ref().map(latency)),
        ("start ms", report.start_ms.map(one_digit)),
        ("server CPU us per request", report.server_cpu_us_per_request.map(one_digit)),
        ("  by thread", threads(report)),
        ("generator CPU us per request", report.generator_cpu_us_per_request.map(one_digit)),
        ("server peak MiB", report.server_rss_peak_mib.map(one_digit)),
        ("view lag, most events", report.view_lag_max_events.map(number)),
        ("writer delayed by views", report.held_up_by_views.as_ref().map(waits)),
    ];
    rows.extend(optional.into_iter().filter_map(|(name, value)| Some(row(name, value?))));
    rows.extend(report.answers.iter().map(|(kind, count)| row(kind, number(*count))));
    let unexpected = report.unexpected.iter();
    rows.extend(unexpected.map(|(it, count)| row(&format!("UNEXPECTED {it}"), number(*count))));
    output::table(&["", ""], &[1], rows)
}

/// CPU time by thread, the largest first.
fn threads(report: &Report) -> Option<String> {
    let all = report.server_cpu_us_by_thread.iter();
    let mut threads: Vec<_> = all.filter(|(_, us)| **us >= THREAD_US_MIN).collect();
    threads.sort_by(|a, b| b.1.total_cmp(a.1));
    let shown: Vec<_> = threads.iter().map(|(kind, us)| format!("{kind} {us:.1}")).collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// As in `<= 0.1 ms: 12, …`; buckets without a delay are left out.
fn waits(waits: &ViewWaits) -> String {
    let some = waits.histogram.iter().filter(|(_, count)| *count > 0);
    let shown = some.map(|(bound, count)| format!("<= {} ms: {count}", bound * 1_000.0));
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

fn row(name: &str, value: impl Into<String>) -> Vec<String> {
    vec![name.to_owned(), value.into()]
}

fn latency(latency: &Latency) -> String {
    let Latency { p50, p90, p99, p99_9, max } = latency;
    format!("{p50:.2} / {p90:.2} / {p99:.2} / {p99_9:.2} / {max:.2}")
}

fn one_digit(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::{ViewWaits, waits};

    #[test]
    fn waits_are_shown_by_bucket() {
        let histogram = vec![(0.001, 7), (0.002, 0), (f64::INFINITY, 1)];
        let shown = waits(&ViewWaits { histogram, over_5_ms: 1 });
        assert_eq!(shown, "<= 1 ms: 7, <= inf ms: 1");
        assert_eq!(waits(&ViewWaits::default()), "none");
    }
}
