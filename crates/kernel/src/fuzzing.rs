//! What fuzz targets call: the reader of records, given bytes that no writer wrote.

use crate::model::envelope::{Committed, Envelope};
use crate::model::kinds::Kinds;
use crate::ports::log::Record;

/// Reads a record back from a log. It is refused, or each envelope is read again as it stands.
///
/// # Panics
/// When what was read does not survive that: the target has found something.
pub fn record(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // Whether the numbers fit is the last thing that is looked at before the envelopes.
    let events: Vec<&serde_json::value::RawValue> = serde_json::from_str(text).unwrap_or_default();
    for last_seq in [0, events.len() as u64, u64::MAX] {
        let record = Record { first_seq: 1, last_seq, at_ms: 0, events: text.to_owned() };
        let Ok(committed) = Committed::read(record, &Kinds::new()) else {
            continue;
        };
        for (index, (_, event)) in committed.numbered().enumerate() {
            let envelope = Envelope::parse(committed.envelope(index)).expect("it was read before");
            assert_eq!((envelope.key.as_ref(), envelope.causation), (&*event.key, event.causation));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::record;

    #[test]
    fn the_corpus_of_records_is_read_or_refused() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/record");
        let seeds: Vec<_> = std::fs::read_dir(corpus).unwrap().collect();
        assert!(seeds.len() > 5);
        for seed in seeds {
            record(&std::fs::read(seed.unwrap().path()).unwrap());
        }
    }
}
