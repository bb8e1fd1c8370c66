//! A block: some rows of a run, sorted by key, as one blob.
//!
//! `count`, then where each row begins, then the rows: length of the key, length of the value
//! ([`DELETED`] where there is none), key, value. Numbers have 32 bits, little-endian.

use std::cmp::Ordering;
use std::ops::Range;

/// In place of a value's length: the row was deleted.
const DELETED: u32 = u32::MAX;
/// Bytes of a number.
const NUMBER: usize = 4;

/// A row of a block: its key, and its value unless it was deleted. That both are text is looked at
/// where they leave the runs, not whenever they are merged.
pub(in crate::sqlite) type Entry<'a> = (&'a [u8], Option<&'a [u8]>);

/// What is not a block of this form: the file is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sqlite) struct Damaged;

/// Rows on their way into a block.
#[derive(Debug, Default)]
pub(super) struct BlockWriter {
    starts: Vec<u8>,
    body: Vec<u8>,
}

impl BlockWriter {
    /// How many bytes the block would have.
    pub(super) fn bytes(&self) -> usize {
        NUMBER + self.starts.len() + self.body.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// How many bytes more a row makes.
    pub(super) fn bytes_of((key, value): Entry<'_>) -> usize {
        3 * NUMBER + key.len() + value.map_or(0, <[u8]>::len)
    }

    /// Adds a row; rows come in the order of their keys.
    pub(super) fn push(&mut self, (key, value): Entry<'_>) {
        self.starts.extend(number(self.body.len()).to_le_bytes());
        self.body.extend(number(key.len()).to_le_bytes());
        self.body.extend(value.map_or(DELETED, |it| number(it.len())).to_le_bytes());
        self.body.extend(key);
        self.body.extend(value.unwrap_or_default());
    }

    /// The block; afterwards the writer is empty.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut block = Vec::with_capacity(self.bytes());
        block.extend(number(self.starts.len() / NUMBER).to_le_bytes());
        block.append(&mut self.starts);
        block.append(&mut self.body);
        block
    }
}

fn number(length: usize) -> u32 {
    u32::try_from(length).ok().filter(|it| *it != DELETED).expect("a row has less than 4 GiB")
}

/// A row's key or value as text.
pub(super) fn text(bytes: &[u8]) -> Result<String, Damaged> {
    str::from_utf8(bytes).map(str::to_owned).map_err(|_| Damaged)
}

/// Where a row's key and value stand in a block.
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    key: Range<usize>,
    value: Option<Range<usize>>,
}

impl Span {
    /// The row, in the bytes of its block.
    pub(super) fn of<'a>(&self, block: &'a [u8]) -> Entry<'a> {
        (self.key_of(block), self.value.clone().map(|value| &block[value]))
    }

    pub(super) fn key_of<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        &block[self.key.clone()]
    }
}

/// A block that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    bytes: &'a [u8],
    rows: usize,
}

impl<'a> Block<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let rows = number_at(bytes, 0)? as usize;
        let block = Self { bytes, rows };
        if block.body() > bytes.len() { Err(Damaged) } else { Ok(block) }
    }

    /// How many rows it has.
    pub(super) fn len(self) -> usize {
        self.rows
    }

    /// Where the rows begin.
    fn body(self) -> usize {
        self.rows.saturating_mul(NUMBER).saturating_add(NUMBER)
    }

    /// The row at a place below [`Block::len`].
    pub(super) fn entry(self, place: usize) -> Result<Entry<'a>, Damaged> {
        Ok(self.span(place)?.of(self.bytes))
    }

    /// Where the row at a place below [`Block::len`] stands.
    pub(super) fn span(self, place: usize) -> Result<Span, Damaged> {
        let start = number_at(self.bytes, NUMBER + place * NUMBER)?;
        let lengths = add(self.body(), start)?;
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

    /// The place of the first row whose key is not below `key`; [`Block::len`] where there is none.
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

    /// The row under `key`.
    pub(super) fn find(self, key: &[u8]) -> Result<Option<Entry<'a>>, Damaged> {
        let place = self.lower_bound(key)?;
        if place == self.len() {
            return Ok(None);
        }
        Ok(Some(self.entry(place)?).filter(|(found, _)| *found == key))
    }
}

fn add(place: usize, bytes: u32) -> Result<usize, Damaged> {
    place.checked_add(bytes as usize).ok_or(Damaged)
}

fn number_at(bytes: &[u8], at: usize) -> Result<u32, Damaged> {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(Damaged)?;
    Ok(u32::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_anywhere_is_damaged_or_lacks_rows_and_never_breaks() {
        let mut writer = BlockWriter::default();
        let rows: [Entry<'_>; 4] =
            [(b"", Some(b"1")), (b"a", None), (b"ab", Some(b"")), ("箱".as_bytes(), Some(b"{}"))];
        rows.iter().for_each(|row| writer.push(*row));
        let whole = writer.finish();
        assert!(writer.is_empty());
        let block = Block::of(&whole).unwrap();
        let read: Vec<_> = (0..block.len()).map(|place| block.entry(place).unwrap()).collect();
        assert_eq!(read, rows);
        assert_eq!(block.find(b"ab").unwrap(), Some((&b"ab"[..], Some(&b""[..]))));
        assert_eq!(block.find(b"aa").unwrap(), None);
        assert_eq!(block.find("箱箱".as_bytes()).unwrap(), None);
        assert_eq!(block.lower_bound(b"b").unwrap(), 3);
        for end in 0..whole.len() {
            let cut = Block::of(&whole[..end]);
            let all = cut.and_then(|cut| (0..cut.len()).try_for_each(|at| cut.entry(at).map(drop)));
            assert_eq!(all, Err(Damaged), "cut at {end}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_over_anywhere_is_damaged_or_read_as_it_stands(
            at in 0..60_usize,
            over in proptest::prelude::any::<[u8; 4]>(),
        ) {
            let mut writer = BlockWriter::default();
            [("a", "1"), ("ab", "{}"), ("b", "[]")]
                .iter()
                .for_each(|(key, value)| writer.push((key.as_bytes(), Some(value.as_bytes()))));
            let mut bytes = writer.finish();
            let at = at.min(bytes.len() - over.len());
            bytes[at..at + over.len()].copy_from_slice(&over);
            if let Ok(block) = Block::of(&bytes) {
                for place in 0..block.len().min(9) {
                    let _ = block.entry(place);
                }
                let _ = block.find(b"ab");
                let _ = block.lower_bound(b"zz");
            }
        }
    }
}
