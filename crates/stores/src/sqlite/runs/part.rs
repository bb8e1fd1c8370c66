//! A part of a block: some rows of a run, sorted by key.
//!
//! Layout: the rows (length of the key, length of the value or [`DELETED`], key, value), then the
//! offset of each row, then the number of rows. Numbers have 32 bits, little-endian.

use std::cmp::Ordering;
use std::ops::Range;

/// Stands for a value's length: the row was deleted.
const DELETED: u32 = u32::MAX;
/// Size of a number in bytes.
pub(super) const NUMBER: usize = 4;

/// A key, and its value unless the row was deleted. UTF-8 is validated when a row is read, not when
/// it is merged.
pub(in crate::sqlite) type Entry<'a> = (&'a [u8], Option<&'a [u8]>);

/// The bytes do not have the expected layout: the file is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sqlite) struct Damaged;

/// Builds a part from rows.
#[derive(Debug, Default)]
pub(super) struct PartWriter {
    body: Vec<u8>,
    starts: Vec<u8>,
}

impl PartWriter {
    /// Size of the part in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.body.len() + self.starts.len() + NUMBER
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Adds a row; rows must be added in the order of their keys.
    pub(super) fn push(&mut self, (key, value): Entry<'_>) {
        self.starts.extend(number(self.body.len()).to_le_bytes());
        self.body.extend(number(key.len()).to_le_bytes());
        self.body.extend(value.map_or(DELETED, |it| number(it.len())).to_le_bytes());
        self.body.extend(key);
        self.body.extend(value.unwrap_or_default());
    }

    /// Passes the part to `show`; afterwards the writer is empty.
    pub(super) fn finish<T>(&mut self, show: impl FnOnce(&[u8]) -> T) -> T {
        let rows = number(self.starts.len() / NUMBER);
        self.body.append(&mut self.starts);
        self.body.extend(rows.to_le_bytes());
        let shown = show(&self.body);
        self.body.clear();
        shown
    }
}

/// The bytes that a row adds to a part.
pub(super) fn bytes_of((key, value): Entry<'_>) -> usize {
    3 * NUMBER + key.len() + value.map_or(0, <[u8]>::len)
}

pub(super) fn number(length: usize) -> u32 {
    u32::try_from(length).ok().filter(|it| *it != DELETED).expect("a block is smaller than 4 GiB")
}

/// A row's key or value as text.
pub(super) fn text(bytes: &[u8]) -> Result<String, Damaged> {
    str::from_utf8(bytes).map(str::to_owned).map_err(|_| Damaged)
}

/// The positions of a row's key and value in a part.
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    key: Range<usize>,
    value: Option<Range<usize>>,
}

impl Span {
    /// The row in the bytes of its part.
    pub(super) fn of<'a>(&self, part: &'a [u8]) -> Entry<'a> {
        (self.key_of(part), self.value.clone().map(|value| &part[value]))
    }

    pub(super) fn key_of<'a>(&self, part: &'a [u8]) -> &'a [u8] {
        &part[self.key.clone()]
    }
}

/// A reader of a part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// The rows.
    bytes: &'a [u8],
    starts: &'a [u8],
}

impl<'a> Part<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let (bytes, rows) = bytes.split_last_chunk().ok_or(Damaged)?;
        let starts = (u32::from_le_bytes(*rows) as usize).checked_mul(NUMBER).ok_or(Damaged)?;
        let body = bytes.len().checked_sub(starts).filter(|_| starts > 0).ok_or(Damaged)?;
        let (bytes, starts) = bytes.split_at(body);
        Ok(Self { bytes, starts })
    }

    /// The number of rows, at least one.
    pub(super) fn len(self) -> usize {
        self.starts.len() / NUMBER
    }

    /// The row at an index below [`Part::len`].
    pub(super) fn entry(self, index: usize) -> Result<Entry<'a>, Damaged> {
        Ok(self.span(index)?.of(self.bytes))
    }

    /// The position of the row at an index below [`Part::len`].
    pub(super) fn span(self, index: usize) -> Result<Span, Damaged> {
        let lengths = number_at(self.starts, index * NUMBER)? as usize;
        let key_bytes = number_at(self.bytes, lengths)?;
        let value_bytes = number_at(self.bytes, lengths + NUMBER)?;
        let from = lengths + 2 * NUMBER;
        let key = from..add(from, key_bytes)?;
        let value = match value_bytes {
            DELETED => None,
            bytes => Some(key.end..add(key.end, bytes)?),
        };
        let end = value.as_ref().map_or(key.end, |it| it.end);
        if end > self.bytes.len() { Err(Damaged) } else { Ok(Span { key, value }) }
    }

    /// The index of the first row whose key is not below `key`; [`Part::len`] if there is none.
    pub(super) fn lower_bound(self, key: &[u8]) -> Result<usize, Damaged> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.span(middle)?.key_of(self.bytes).cmp(key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => high = middle,
            }
        }
        Ok(low)
    }

    /// The row with this key.
    pub(super) fn find(self, key: &[u8]) -> Result<Option<Entry<'a>>, Damaged> {
        let index = self.lower_bound(key)?;
        if index == self.len() {
            return Ok(None);
        }
        Ok(Some(self.entry(index)?).filter(|(found, _)| *found == key))
    }
}

fn add(offset: usize, bytes: u32) -> Result<usize, Damaged> {
    offset.checked_add(bytes as usize).ok_or(Damaged)
}

pub(super) fn number_at(bytes: &[u8], at: usize) -> Result<u32, Damaged> {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(Damaged)?;
    Ok(u32::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [Entry<'_>; 4] =
        [(b"", Some(b"1")), (b"a", None), (b"ab", Some(b"")), ("箱".as_bytes(), Some(b"{}"))];

    fn written(rows: &[Entry<'_>]) -> Vec<u8> {
        let mut writer = PartWriter::default();
        rows.iter().for_each(|row| writer.push(*row));
        let bytes = writer.bytes();
        let written = writer.finish(<[u8]>::to_vec);
        assert!(writer.is_empty());
        assert_eq!(written.len(), bytes);
        written
    }

    #[test]
    fn a_truncated_part_never_panics() {
        let whole = written(&ROWS);
        let part = Part::of(&whole).unwrap();
        let read: Vec<_> = (0..part.len()).map(|index| part.entry(index).unwrap()).collect();
        assert_eq!(read, ROWS);
        assert_eq!(part.find(b"ab").unwrap(), Some((&b"ab"[..], Some(&b""[..]))));
        assert_eq!(part.find(b"aa").unwrap(), None);
        assert_eq!(part.find("箱箱".as_bytes()).unwrap(), None);
        assert_eq!(part.lower_bound(b"b").unwrap(), 3);
        for end in 0..whole.len() {
            let cut = Part::of(&whole[..end]);
            let all = cut.and_then(|cut| (0..cut.len()).map(|index| cut.entry(index)).collect());
            assert_ne!(all, Ok(ROWS.to_vec()), "cut at {end}");
        }
    }

    proptest::proptest! {
        #[test]
        fn overwritten_bytes_are_reported_as_damage_or_read_as_they_are(
            at in 0..60_usize,
            over in proptest::prelude::any::<[u8; 4]>(),
        ) {
            let mut bytes = written(&[(b"a", Some(b"1")), (b"ab", Some(b"{}")), (b"b", None)]);
            let at = at.min(bytes.len() - over.len());
            bytes[at..at + over.len()].copy_from_slice(&over);
            if let Ok(part) = Part::of(&bytes) {
                for index in 0..part.len().min(9) {
                    let _ = part.entry(index);
                }
                let _ = part.find(b"ab");
                let _ = part.lower_bound(b"zz");
            }
        }
    }
}
