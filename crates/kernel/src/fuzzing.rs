//! Entry points for fuzz targets: reads log records from arbitrary bytes.

use crate::model::envelope::{Committed, Envelope};
use crate::model::kinds::Kinds;
use crate::ports::log::Record;

/// Reads a record as if it came from a log. The record is either rejected, or each of its envelopes
/// can be parsed again with the same result.
///
/// # Panics
/// When an envelope that was accepted parses differently the second time, which is a bug.
pub fn record(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // A record whose sequence range does not fit is rejected before its envelopes are parsed, so
    // the fitting range is one of those tried.
    let events: Vec<&serde_json::value::RawValue> = serde_json::from_str(text).unwrap_or_default();
    for last_seq in [0, events.len() as u64, u64::MAX] {
        let record = Record { first_seq: 1, last_seq, at_ms: 0, events: text.to_owned() };
        let Ok(committed) = Committed::read(record, &Kinds::new()) else {
            continue;
        };
        for (index, (_, event)) in committed.numbered().enumerate() {
            let envelope =
                Envelope::parse(committed.envelope(index)).expect("it was parsed before");
            assert_eq!((envelope.key.as_ref(), envelope.causation), (&*event.key, event.causation));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::record;

    #[test]
    fn every_record_of_the_corpus_is_read_or_rejected() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/record");
        let seeds: Vec<_> = std::fs::read_dir(corpus).unwrap().collect();
        assert!(seeds.len() > 5);
        for seed in seeds {
            record(&std::fs::read(seed.unwrap().path()).unwrap());
        }
    }
}
