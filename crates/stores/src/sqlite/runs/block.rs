//! A block: some rows of a run, sorted by key, compressed into one blob.
//!
//! The rows (length of the key, length of the value or [`DELETED`] where there is none, key,
//! value), then where each begins, then their number. The blob has the length of that, and it in
//! the form of an LZ4 block. Numbers have 32 bits, little-endian.

use std::cmp::Ordering;
use std::ops::Range;

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

/// In place of a value's length: the row was deleted.
const DELETED: u32 = u32::MAX;
/// Bytes of a number.
const NUMBER: usize = 4;
/// A byte of an LZ4 block stands for so many at most.
const EXPANSION_MAX: usize = 255;

/// A row of a block: its key, and its value unless it was deleted. That both are text is looked at
/// where they leave the runs, not whenever they are merged.
pub(in crate::sqlite) type Entry<'a> = (&'a [u8], Option<&'a [u8]>);

/// What is not a block of this form: the file is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sqlite) struct Damaged;

/// Rows on their way into a block.
#[derive(Debug, Default)]
pub(super) struct BlockWriter {
    body: Vec<u8>,
    starts: Vec<u8>,
    /// The block before, or room for one.
    packed: Vec<u8>,
}

impl BlockWriter {
    /// How many bytes the block would have, not compressed.
    pub(super) fn bytes(&self) -> usize {
        self.body.len() + self.starts.len() + NUMBER
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

    /// The block, compressed; afterwards the writer is empty.
    pub(super) fn finish(&mut self) -> &[u8] {
        let rows = number(self.starts.len() / NUMBER);
        self.body.append(&mut self.starts);
        self.body.extend(rows.to_le_bytes());
        self.packed.resize(NUMBER + get_maximum_output_size(self.body.len()), 0);
        let (length, packed) = self.packed.split_at_mut(NUMBER);
        length.copy_from_slice(&number(self.body.len()).to_le_bytes());
        let bytes = compress_into(&self.body, packed).expect("there is room for the worst case");
        self.body.clear();
        &self.packed[..NUMBER + bytes]
    }
}

/// Puts what a block holds, for [`Block::of`], in the place of what stood there.
pub(super) fn unpack(blob: &[u8], body: &mut Vec<u8>) -> Result<(), Damaged> {
    let (bytes, packed) = (number_at(blob, 0)? as usize, &blob[NUMBER..]);
    if bytes > packed.len().saturating_mul(EXPANSION_MAX) {
        return Err(Damaged);
    }
    body.resize(bytes, 0);
    let unpacked = decompress_into(packed, body).map_err(|_| Damaged)?;
    if unpacked == bytes { Ok(()) } else { Err(Damaged) }
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
    /// The rows.
    bytes: &'a [u8],
    starts: &'a [u8],
}

impl<'a> Block<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let (bytes, rows) = bytes.split_last_chunk().ok_or(Damaged)?;
        let starts = (u32::from_le_bytes(*rows) as usize).checked_mul(NUMBER).ok_or(Damaged)?;
        let body = bytes.len().checked_sub(starts).ok_or(Damaged)?;
        let (bytes, starts) = bytes.split_at(body);
        Ok(Self { bytes, starts })
    }

    /// How many rows it has.
    pub(super) fn len(self) -> usize {
        self.starts.len() / NUMBER
    }

    /// The row at a place below [`Block::len`].
    pub(super) fn entry(self, place: usize) -> Result<Entry<'a>, Damaged> {
        Ok(self.span(place)?.of(self.bytes))
    }

    /// Where the row at a place below [`Block::len`] stands.
    pub(super) fn span(self, place: usize) -> Result<Span, Damaged> {
        let lengths = number_at(self.starts, place * NUMBER)? as usize;
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

    fn packed(rows: &[Entry<'_>]) -> Vec<u8> {
        let mut writer = BlockWriter::default();
        rows.iter().for_each(|row| writer.push(*row));
        let packed = writer.finish().to_vec();
        assert!(writer.is_empty());
        packed
    }

    fn unpacked(blob: &[u8]) -> Result<Vec<u8>, Damaged> {
        let mut body = b"of the block before".to_vec();
        unpack(blob, &mut body).map(|()| body)
    }

    const ROWS: [Entry<'_>; 4] =
        [(b"", Some(b"1")), (b"a", None), (b"ab", Some(b"")), ("箱".as_bytes(), Some(b"{}"))];

    #[test]
    fn what_is_cut_off_anywhere_is_damaged_and_never_breaks() {
        let packed = packed(&ROWS);
        let whole = unpacked(&packed).unwrap();
        let block = Block::of(&whole).unwrap();
        let read: Vec<_> = (0..block.len()).map(|place| block.entry(place).unwrap()).collect();
        assert_eq!(read, ROWS);
        assert_eq!(block.find(b"ab").unwrap(), Some((&b"ab"[..], Some(&b""[..]))));
        assert_eq!(block.find(b"aa").unwrap(), None);
        assert_eq!(block.find("箱箱".as_bytes()).unwrap(), None);
        assert_eq!(block.lower_bound(b"b").unwrap(), 3);
        for end in 0..packed.len() {
            assert_eq!(unpacked(&packed[..end]), Err(Damaged), "cut at {end}");
        }
        // Such a body comes of no blob; it is not to break anything all the same.
        for end in 0..whole.len() {
            let cut = Block::of(&whole[..end]);
            let all = cut.and_then(|cut| (0..cut.len()).map(|place| cut.entry(place)).collect());
            assert_ne!(all, Ok(ROWS.to_vec()), "cut at {end}");
        }
    }

    #[test]
    fn a_block_that_says_it_is_larger_than_it_can_be_is_damaged() {
        let mut packed = packed(&ROWS);
        packed[..NUMBER].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(unpacked(&packed), Err(Damaged));
    }

    #[test]
    fn rows_that_are_alike_take_little_room_and_a_writer_serves_again() {
        let mut writer = BlockWriter::default();
        for turn in 0..3 {
            let value = format!("{turn}{}", "x".repeat(90));
            for row in 0..100 {
                writer.push((format!("k{row:03}").as_bytes(), Some(value.as_bytes())));
            }
            let bytes = writer.bytes();
            let packed = writer.finish();
            assert!(packed.len() < bytes / 5, "{} of {bytes} bytes", packed.len());
            let whole = unpacked(packed).unwrap();
            assert_eq!(whole.len(), bytes);
            let block = Block::of(&whole).unwrap();
            assert_eq!(block.len(), 100);
            assert_eq!(block.find(b"k042"), Ok(Some((&b"k042"[..], Some(value.as_bytes())))));
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_over_anywhere_is_damaged_or_read_as_it_stands(
            at in 0..60_usize,
            over in proptest::prelude::any::<[u8; 4]>(),
            before_packing in proptest::prelude::any::<bool>(),
        ) {
            let rows: [Entry<'_>; 3] = [(b"a", Some(b"1")), (b"ab", Some(b"{}")), (b"b", None)];
            let mut bytes = packed(&rows);
            if before_packing {
                bytes = unpacked(&bytes).unwrap();
            }
            let at = at.min(bytes.len() - over.len());
            bytes[at..at + over.len()].copy_from_slice(&over);
            let body = if before_packing { Ok(bytes) } else { unpacked(&bytes) };
            if let Ok(block) = body.as_deref().map_err(|it| *it).and_then(Block::of) {
                for place in 0..block.len().min(9) {
                    let _ = block.entry(place);
                }
                let _ = block.find(b"ab");
                let _ = block.lower_bound(b"zz");
            }
        }
    }
}
