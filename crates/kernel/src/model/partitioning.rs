//! Which partition a key belongs to.

use xxhash_rust::xxh3::xxh3_64;

/// The partition of a key. The same key always gives the same one.
pub(crate) fn partition_of(key: &str, partitions: usize) -> usize {
    if partitions == 1 {
        return 0;
    }
    let hash = xxh3_64(key.as_bytes()) % partitions as u64;
    usize::try_from(hash).expect("less than the number of partitions")
}
