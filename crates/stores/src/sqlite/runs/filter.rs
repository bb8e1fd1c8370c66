//! A Bloom filter of the keys of a run: most lookups of missing rows need no read from the disk.

use fastbloom::BloomFilter;
use xxhash_rust::xxh3::xxh3_64;

/// Separates the first part of a key from the rest.
const SEPARATOR: u8 = 0x1f;
/// Bits per group, and hashes per group: about 1 % false positives.
const BITS: usize = 10;
const HASHES: u32 = 6;
/// Fixed, because later processes read the filters.
const SEED: u128 = 0;

/// The groups of a run. A group consists of all rows whose keys have the same first part.
#[derive(Debug)]
pub(super) struct Filter(BloomFilter);

impl Filter {
    /// An empty filter sized for this number of groups.
    pub(super) fn with_room_for(groups: usize) -> Self {
        let bits = BloomFilter::with_num_bits(groups.max(1).saturating_mul(BITS));
        Self(bits.seed(&SEED).hashes(HASHES))
    }

    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        let words = bytes.chunks_exact(8).map(|it| u64::from_le_bytes(it.try_into().expect("8")));
        let words: Vec<u64> = words.collect();
        // A run without a filter may contain any group.
        let words = if words.is_empty() { vec![u64::MAX] } else { words };
        Self(BloomFilter::from_vec(words).seed(&SEED).hashes(HASHES))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.as_slice().iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub(super) fn add(&mut self, group: &[u8]) {
        self.0.insert_hash(hash(group));
    }

    pub(super) fn may_have(&self, group: u64) -> bool {
        self.0.contains_hash(group)
    }
}

/// The group of a key.
pub(super) fn group(key: &[u8]) -> &[u8] {
    let end = key.iter().position(|byte| *byte == SEPARATOR);
    &key[..end.unwrap_or(key.len())]
}

/// The group of a range of keys, if all keys in the range belong to one group.
pub(super) fn group_of_range<'a>(from: &'a [u8], below: Option<&[u8]>) -> Option<&'a [u8]> {
    let group = Some(group(from)).filter(|group| group.len() < from.len())?;
    let end = below?.strip_prefix(group)?;
    // All keys from `group` plus the separator, and below the character after the separator.
    (end.starts_with(&[SEPARATOR]) || end <= b" ".as_slice()).then_some(group)
}

pub(super) fn hash(group: &[u8]) -> u64 {
    xxh3_64(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_added_group_is_found_after_the_filter_is_written_and_read() {
        let mut filter = Filter::with_room_for(1_000);
        let names: Vec<String> = (0..1_000).map(|number| format!("o{number}")).collect();
        names.iter().for_each(|name| filter.add(name.as_bytes()));
        let read = Filter::of_bytes(&filter.bytes());
        assert!(names.iter().all(|name| read.may_have(hash(name.as_bytes()))));
        let is_other = |number: &u32| read.may_have(hash(format!("x{number}").as_bytes()));
        let others = (0..1_000).filter(is_other);
        assert!(others.count() < 50);
    }

    #[test]
    fn a_range_belongs_to_one_group_only_if_it_can_contain_no_other_keys() {
        let of_range = |from: &'static str, below: Option<&str>| {
            group_of_range(from.as_bytes(), below.map(str::as_bytes))
        };
        assert_eq!(group("o1\u{1f}a\u{1f}b".as_bytes()), b"o1");
        assert_eq!(of_range("o1\u{1f}", Some("o1 ")), Some(&b"o1"[..]));
        assert_eq!(of_range("o1\u{1f}3", Some("o1\u{1f}~")), Some(&b"o1"[..]));
        assert_eq!(of_range("o1\u{1f}", Some("o1!")), None);
        assert_eq!(of_range("o1\u{1f}", Some("o2")), None);
        assert_eq!(of_range("o1\u{1f}", None), None);
        assert_eq!(of_range("o", Some("p")), None);
    }
}
