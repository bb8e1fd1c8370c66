//! Names of settings: their variables, their former names, and the nearest name to a mistyped one.

/// What every variable begins with.
pub const PREFIX: &str = "EARMARK_";
/// Where the flat settings of before are now; their environment variables had the same names.
const MOVED: [(&str, (&str, &str)); 18] = [
    ("data", ("server", "data")),
    ("listen", ("server", "listen")),
    ("api_key_file", ("server", "api_key_file")),
    ("log", ("server", "log")),
    ("log_json", ("server", "log_json")),
    ("store", ("stores", "url")),
    ("partitions", ("stores", "partitions")),
    ("redis", ("redis", "url")),
    ("redis_ca_file", ("redis", "ca_file")),
    ("redis_prefix", ("redis", "prefix")),
    ("redis_stream_events", ("redis", "stream_events")),
    ("redis_claim_s", ("redis", "claim_s")),
    ("redis_line_allocated", ("redis", "line_allocated")),
    ("redis_allocate", ("redis", "allocate")),
    ("redis_change_batch_quantity", ("redis", "change_batch_quantity")),
    ("smtp", ("mail", "smtp")),
    ("mail_from", ("mail", "from")),
    ("mail_to", ("mail", "to")),
];

/// Section and key of a setting by its former name.
pub fn moved(name: &str) -> Option<(&'static str, &'static str)> {
    MOVED.iter().find(|(old, _)| *old == name).map(|(_, new)| *new)
}

/// The variable of a setting.
pub fn variable(section: &str, key: &str) -> String {
    format!("{PREFIX}{section}_{key}").to_uppercase()
}

/// The name that differs least.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    known.min_by_key(|it| distance(name, it)).unwrap_or_default()
}

/// Levenshtein's distance: insertions, deletions and substitutions.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
