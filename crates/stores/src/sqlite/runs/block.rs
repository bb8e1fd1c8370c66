//! A block: some rows of a run, sorted by key, in one blob. It has parts that are compressed each
//! by itself, so that who wants a row unpacks one of them.
//!
//! The number of parts; for each the end of its first key among these, its bytes, and the end of
//! what it is compressed to; the first keys; each part in the form of an LZ4 block. Numbers have 32
//! bits, little-endian.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use super::part::{Damaged, Entry, NUMBER, PartWriter, bytes_of, number, number_at};

/// A part with more than one row has at most so many bytes: the smaller the less is unpacked for a
/// row, the larger the less room they take.
const PART_BYTES: usize = 4_096;
/// What is said of a part before the first keys.
const TOLD: usize = 3 * NUMBER;
/// A byte of an LZ4 block stands for so many at most.
const EXPANSION_MAX: usize = 255;

/// Rows on their way into a block.
#[derive(Debug, Default)]
pub(super) struct BlockWriter {
    part: PartWriter,
    /// Of the parts that are whole: what is said of them, their first keys, what they are
    /// compressed to, and how many bytes they had.
    told: Vec<u8>,
    firsts: Vec<u8>,
    packed: Vec<u8>,
    bytes: usize,
    /// The block before, or room for one.
    blob: Vec<u8>,
}

impl BlockWriter {
    /// How many bytes its parts have, not compressed.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.part.bytes()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty() && self.part.is_empty()
    }

    /// Adds a row; rows come in the order of their keys.
    pub(super) fn push(&mut self, row: Entry<'_>) {
        let bytes = self.part.bytes() + bytes_of(row);
        if !self.part.is_empty() && bytes > PART_BYTES {
            self.end_part();
        }
        if self.part.is_empty() {
            self.firsts.extend(row.0);
        }
        self.part.push(row);
    }

    /// The block; afterwards the writer is empty.
    pub(super) fn finish(&mut self) -> &[u8] {
        if !self.part.is_empty() {
            self.end_part();
        }
        self.blob.clear();
        self.blob.extend(number(self.told.len() / TOLD).to_le_bytes());
        self.blob.append(&mut self.told);
        self.blob.append(&mut self.firsts);
        self.blob.append(&mut self.packed);
        self.bytes = 0;
        &self.blob
    }

    fn end_part(&mut self) {
        let from = self.packed.len();
        let packed = &mut self.packed;
        let bytes = self.part.finish(|part| {
            packed.resize(from + get_maximum_output_size(part.len()), 0);
            let room = &mut packed[from..];
            let bytes = compress_into(part, room).expect("there is room for the worst case");
            packed.truncate(from + bytes);
            part.len()
        });
        self.bytes += bytes;
        for told in [self.firsts.len(), bytes, self.packed.len()] {
            self.told.extend(number(told).to_le_bytes());
        }
    }
}

/// A block that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    told: &'a [u8],
    /// The first keys, and the parts.
    rest: &'a [u8],
}

impl<'a> Block<'a> {
    pub(super) fn of(blob: &'a [u8]) -> Result<Self, Damaged> {
        let (parts, rest) = blob.split_first_chunk().ok_or(Damaged)?;
        let told = (u32::from_le_bytes(*parts) as usize).checked_mul(TOLD).ok_or(Damaged)?;
        let (told, rest) = rest.split_at_checked(told).ok_or(Damaged)?;
        if told.is_empty() { Err(Damaged) } else { Ok(Self { told, rest }) }
    }

    /// How many parts it has, at least one.
    pub(super) fn parts(self) -> usize {
        self.told.len() / TOLD
    }

    /// The last part whose first key is `key` or below it: `None` where all are above it.
    pub(super) fn part_of(self, key: &[u8]) -> Result<Option<usize>, Damaged> {
        self.last(|first| first <= key)
    }

    /// The last part that has keys below `key`: `None` where there is none.
    pub(super) fn part_below(self, key: &[u8]) -> Result<Option<usize>, Damaged> {
        self.last(|first| first < key)
    }

    /// There are few: from the last on they are looked at one by one.
    fn last(self, wanted: impl Fn(&[u8]) -> bool) -> Result<Option<usize>, Damaged> {
        for part in (0..self.parts()).rev() {
            if wanted(self.first(part)?) {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    fn first(self, part: usize) -> Result<&'a [u8], Damaged> {
        let from = part.checked_sub(1).map_or(Ok(0), |before| self.told_of(before, 0))?;
        self.rest.get(from..self.told_of(part, 0)?).ok_or(Damaged)
    }

    /// Puts the bytes of a part below [`Block::parts`] in the place of what stood there.
    pub(super) fn unpack(self, part: usize, into: &mut Vec<u8>) -> Result<(), Damaged> {
        let firsts = self.told_of(self.parts() - 1, 0)?;
        let from = part.checked_sub(1).map_or(Ok(0), |before| self.told_of(before, 2))?;
        let (bytes, end) = (self.told_of(part, 1)?, self.told_of(part, 2)?);
        let packed = self.rest.get(firsts..).and_then(|parts| parts.get(from..end));
        let packed = packed.ok_or(Damaged)?;
        if bytes > packed.len().saturating_mul(EXPANSION_MAX) {
            return Err(Damaged);
        }
        into.resize(bytes, 0);
        let unpacked = decompress_into(packed, into).map_err(|_| Damaged)?;
        if unpacked == bytes { Ok(()) } else { Err(Damaged) }
    }

    fn told_of(self, part: usize, place: usize) -> Result<usize, Damaged> {
        Ok(number_at(self.told, part * TOLD + place * NUMBER)? as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::super::part::Part;
    use super::*;

    const ROWS: [Entry<'_>; 4] =
        [(b"", Some(b"1")), (b"a", None), (b"ab", Some(b"")), ("箱".as_bytes(), Some(b"{}"))];

    fn packed(rows: &[Entry<'_>]) -> Vec<u8> {
        let mut writer = BlockWriter::default();
        rows.iter().for_each(|row| writer.push(*row));
        let packed = writer.finish().to_vec();
        assert!(writer.is_empty());
        packed
    }

    /// Every part of a block.
    fn unpacked(blob: &[u8]) -> Result<Vec<Vec<u8>>, Damaged> {
        let block = Block::of(blob)?;
        let part = |part| {
            let mut rows = b"of the part before".to_vec();
            block.unpack(part, &mut rows).map(|()| rows)
        };
        (0..block.parts()).map(part).collect()
    }

    #[test]
    fn what_is_cut_off_anywhere_is_damaged_and_never_breaks() {
        let packed = packed(&ROWS);
        let parts = unpacked(&packed).unwrap();
        let part = Part::of(&parts[0]).unwrap();
        assert_eq!((parts.len(), part.len()), (1, ROWS.len()));
        for end in 0..packed.len() {
            assert_eq!(unpacked(&packed[..end]), Err(Damaged), "cut at {end}");
        }
    }

    #[test]
    fn a_part_that_says_it_is_larger_than_it_can_be_is_damaged() {
        let mut packed = packed(&ROWS);
        packed[2 * NUMBER..3 * NUMBER].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(unpacked(&packed), Err(Damaged));
    }

    #[test]
    fn a_row_is_found_in_one_part_of_several() {
        let row = |number: usize| (format!("k{number:03}"), format!("{number}").repeat(30));
        let rows: Vec<_> = (0..200).map(row).collect();
        let mut writer = BlockWriter::default();
        for turn in 0..3 {
            for (key, value) in &rows {
                writer.push((key.as_bytes(), Some(value.as_bytes())));
            }
            let bytes = writer.bytes();
            let packed = writer.finish().to_vec();
            assert!(packed.len() < bytes / 3, "{} of {bytes} bytes", packed.len());
            let parts = unpacked(&packed).unwrap();
            assert!(parts.len() > 3 && parts.iter().all(|it| it.len() <= PART_BYTES), "{turn}");
            let block = Block::of(&packed).unwrap();
            let mut before = None;
            for (key, value) in &rows {
                let (key, value) = (key.as_bytes(), value.as_bytes());
                let part = block.part_of(key).unwrap().unwrap();
                let found = Part::of(&parts[part]).unwrap().find(key).unwrap();
                assert_eq!(found, Some((key, Some(value))));
                assert_eq!(block.part_below(key).unwrap(), before, "where the row before stands");
                before = Some(part);
            }
            assert_eq!(block.part_of(b"k"), Ok(None), "before all");
            assert_eq!(block.part_of(b"l"), Ok(Some(parts.len() - 1)));
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_over_anywhere_is_damaged_or_read_as_it_stands(
            at in 0..60_usize,
            over in proptest::prelude::any::<[u8; 4]>(),
        ) {
            let mut bytes = packed(&[(b"a", Some(b"1")), (b"ab", Some(b"{}")), (b"b", None)]);
            let at = at.min(bytes.len() - over.len());
            bytes[at..at + over.len()].copy_from_slice(&over);
            if let Ok(block) = Block::of(&bytes) {
                let _ = block.part_of(b"ab");
                let _ = block.part_below(b"zz");
            }
            for rows in unpacked(&bytes).into_iter().flatten() {
                let _ = Part::of(&rows).and_then(|part| part.find(b"ab"));
            }
        }
    }
}
