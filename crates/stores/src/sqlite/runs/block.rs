//! A block: some rows of a run, sorted by key, in one blob. It consists of parts that are
//! compressed separately, so that reading a row decompresses one part.
//!
//! Layout: the number of parts; an index with an [`IndexEntry`] for each; the first keys of all
//! parts; the parts, each as an LZ4 block. Numbers have 32 bits, little-endian.

use std::fmt;

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
};

use super::part::{Damaged, Entry, NUMBER, Part, PartWriter, bytes_of, number, number_at};

/// The largest part with more than one row. Smaller parts make reads cheaper; larger parts compress
/// better.
const PART_BYTES: usize = 4_096;
/// The largest number of bytes that one byte of an LZ4 block decompresses to.
const EXPANSION_MAX: usize = 255;

/// The index entry of a part.
#[derive(Clone, Copy, Debug, Default)]
struct IndexEntry {
    /// End of its first key, relative to the start of the first keys.
    key_end: usize,
    /// Uncompressed size in bytes.
    bytes: usize,
    /// End of its compressed bytes, relative to the start of the parts.
    end: usize,
}

impl IndexEntry {
    const BYTES: usize = 3 * NUMBER;

    fn write(self, into: &mut Vec<u8>) {
        for field in [self.key_end, self.bytes, self.end] {
            into.extend(number(field).to_le_bytes());
        }
    }

    fn read(index: &[u8], part: usize) -> Result<Self, Damaged> {
        let at = |field| Ok(number_at(index, part * Self::BYTES + field * NUMBER)? as usize);
        Ok(Self { key_end: at(0)?, bytes: at(1)?, end: at(2)? })
    }
}

/// Builds a block from rows.
#[derive(Default)]
pub(super) struct BlockWriter {
    part: PartWriter,
    /// Of the finished parts.
    index: Vec<u8>,
    first_keys: Vec<u8>,
    packed: Vec<u8>,
    bytes: usize,
    /// The compressor's memory, reused for every part.
    table: CompressTable,
    /// The previous block; its memory is reused.
    blob: Vec<u8>,
}

impl fmt::Debug for BlockWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockWriter").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl BlockWriter {
    /// Uncompressed size of its parts in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.part.bytes()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty() && self.part.is_empty()
    }

    /// Adds a row; rows must be added in the order of their keys.
    pub(super) fn push(&mut self, row: Entry<'_>) {
        let bytes = self.part.bytes() + bytes_of(row);
        if !self.part.is_empty() && bytes > PART_BYTES {
            self.end_part();
        }
        if self.part.is_empty() {
            self.first_keys.extend(row.0);
        }
        self.part.push(row);
    }

    /// Returns the block; afterwards the writer is empty.
    pub(super) fn finish(&mut self) -> &[u8] {
        if !self.part.is_empty() {
            self.end_part();
        }
        self.blob.clear();
        self.blob.extend(number(self.index.len() / IndexEntry::BYTES).to_le_bytes());
        self.blob.append(&mut self.index);
        self.blob.append(&mut self.first_keys);
        self.blob.append(&mut self.packed);
        self.bytes = 0;
        &self.blob
    }

    fn end_part(&mut self) {
        let Self { part, packed, table, .. } = self;
        let from = packed.len();
        let bytes = part.finish(|part| {
            packed.resize(from + get_maximum_output_size(part.len()), 0);
            let bytes = compress_into_with_table(part, &mut packed[from..], table);
            packed.truncate(from + bytes.expect("the buffer is large enough for the worst case"));
            part.len()
        });
        self.bytes += bytes;
        let (key_end, end) = (self.first_keys.len(), self.packed.len());
        IndexEntry { key_end, bytes, end }.write(&mut self.index);
    }
}

/// A reader of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    index: &'a [u8],
    /// The first keys, and the parts.
    rest: &'a [u8],
}

impl<'a> Block<'a> {
    pub(super) fn of(blob: &'a [u8]) -> Result<Self, Damaged> {
        let (parts, rest) = blob.split_first_chunk().ok_or(Damaged)?;
        let parts = u32::from_le_bytes(*parts) as usize;
        let index = parts.checked_mul(IndexEntry::BYTES).ok_or(Damaged)?;
        let (index, rest) = rest.split_at_checked(index).ok_or(Damaged)?;
        if index.is_empty() { Err(Damaged) } else { Ok(Self { index, rest }) }
    }

    /// The number of parts, at least one.
    pub(super) fn parts(self) -> usize {
        self.index.len() / IndexEntry::BYTES
    }

    /// The last part whose first key is not above `key`: `None` if there is none.
    pub(super) fn part_of(self, key: &[u8]) -> Result<Option<usize>, Damaged> {
        self.last(|first| first <= key)
    }

    /// The last part with keys below `key`: `None` if there is none.
    pub(super) fn part_below(self, key: &[u8]) -> Result<Option<usize>, Damaged> {
        self.last(|first| first < key)
    }

    /// A linear search from the last part, because there are only few.
    fn last(self, wanted: impl Fn(&[u8]) -> bool) -> Result<Option<usize>, Damaged> {
        for part in (0..self.parts()).rev() {
            if wanted(self.first_key(part)?) {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    fn first_key(self, part: usize) -> Result<&'a [u8], Damaged> {
        let range = self.before(part)?.key_end..IndexEntry::read(self.index, part)?.key_end;
        self.rest.get(range).ok_or(Damaged)
    }

    /// Replaces the content of `into` with the uncompressed bytes of a part, whose number is below
    /// [`Block::parts`]. They are a [`Part`] that begins with the part's first key.
    pub(super) fn unpack(self, part: usize, into: &mut Vec<u8>) -> Result<(), Damaged> {
        let parts = IndexEntry::read(self.index, self.parts() - 1)?.key_end;
        let IndexEntry { bytes, end, .. } = IndexEntry::read(self.index, part)?;
        let range = self.before(part)?.end..end;
        let packed = self.rest.get(parts..).and_then(|parts| parts.get(range)).ok_or(Damaged)?;
        if bytes > packed.len().saturating_mul(EXPANSION_MAX) {
            return Err(Damaged);
        }
        into.resize(bytes, 0);
        let unpacked = decompress_into(packed, into).map_err(|_| Damaged)?;
        let (first, _) = Part::of(into)?.entry(0)?;
        if unpacked == bytes && first == self.first_key(part)? { Ok(()) } else { Err(Damaged) }
    }

    /// The index entry of the part before; all zero for the first part.
    fn before(self, part: usize) -> Result<IndexEntry, Damaged> {
        let before = part.checked_sub(1);
        before.map_or(Ok(IndexEntry::default()), |before| IndexEntry::read(self.index, before))
    }
}

#[cfg(test)]
mod tests {
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
    fn a_truncated_block_is_reported_as_damaged_without_a_panic() {
        let packed = packed(&ROWS);
        let parts = unpacked(&packed).unwrap();
        let part = Part::of(&parts[0]).unwrap();
        assert_eq!((parts.len(), part.len()), (1, ROWS.len()));
        for end in 0..packed.len() {
            assert_eq!(unpacked(&packed[..end]), Err(Damaged), "cut at {end}");
        }
    }

    #[test]
    fn an_impossible_part_size_is_reported_as_damage_and_no_memory_is_allocated() {
        let mut packed = packed(&ROWS);
        packed[2 * NUMBER..3 * NUMBER].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut rows = Vec::new();
        assert_eq!(Block::of(&packed).unwrap().unpack(0, &mut rows), Err(Damaged));
        assert_eq!(rows.capacity(), 0);
    }

    #[test]
    fn a_first_key_that_differs_from_the_part_is_damage() {
        let mut packed = packed(&[(b"b", Some(b"1")), (b"c", None)]);
        packed[NUMBER + IndexEntry::BYTES] = b'a';
        assert_eq!(Block::of(&packed).unwrap().part_of(b"b"), Ok(Some(0)));
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
                assert_eq!(block.part_below(key).unwrap(), before, "the part of the row before");
                before = Some(part);
            }
            assert_eq!(block.part_of(b"k"), Ok(None), "before all");
            assert_eq!(block.part_of(b"l"), Ok(Some(parts.len() - 1)));
        }
    }

    proptest::proptest! {
        #[test]
        fn overwritten_bytes_are_reported_as_damage_or_read_as_they_are(
            at in 0..90_usize,
            over in proptest::prelude::any::<[u8; 4]>(),
        ) {
            // Each row is too large to share a part.
            let value = "v".repeat(PART_BYTES);
            let value = Some(value.as_bytes());
            let mut bytes = packed(&[(b"a", value), (b"ab", value), (b"b", value)]);
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
