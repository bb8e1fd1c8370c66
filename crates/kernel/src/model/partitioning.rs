//! The mapping of keys to partitions.

use xxhash_rust::xxh3::xxh3_64;

/// The partition of a key, less than `partitions`. The result for a key never changes.
pub(crate) fn partition_of(key: &str, partitions: usize) -> usize {
    if partitions == 1 {
        return 0;
    }
    let hash = xxh3_64(key.as_bytes()) % partitions as u64;
    usize::try_from(hash).expect("less than the number of partitions")
}
