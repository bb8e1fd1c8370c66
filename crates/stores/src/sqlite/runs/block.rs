//! A block: some rows of a run, sorted by key, as one blob.
//!
//! `count`, then where each row begins, then the rows: length of the key, length of the value
//! ([`DELETED`] where there is none), key, value. Numbers have 32 bits, little-endian.

use std::cmp::Ordering;

/// In place of a value's length: the row was deleted.
const DELETED: u32 = u32::MAX;
/// Bytes of a number.
const NUMBER: usize = 4;

/// A row of a block: its key, and its value unless it was deleted. That the value is text is looked
/// at where it leaves the runs, not whenever it is merged.
pub(in crate::sqlite) type Entry<'a> = (&'a str, Option<&'a [u8]>);

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
        self.body.extend(key.as_bytes());
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

/// A row's value as text.
pub(super) fn text(value: &[u8]) -> Result<String, Damaged> {
    str::from_utf8(value).map(str::to_owned).map_err(|_| Damaged)
}

/// A block that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    starts: &'a [u8],
    body: &'a [u8],
}

impl<'a> Block<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let (count, rest) = split_number(bytes)?;
        let (starts, body) = rest.split_at_checked(count as usize * NUMBER).ok_or(Damaged)?;
        Ok(Self { starts, body })
    }

    /// How many rows it has.
    pub(super) fn len(self) -> usize {
        self.starts.len() / NUMBER
    }

    /// The row at a place below [`Block::len`].
    pub(super) fn entry(self, place: usize) -> Result<Entry<'a>, Damaged> {
        let (key, length, rest) = self.split(place)?;
        let key = str::from_utf8(key).map_err(|_| Damaged)?;
        if length == DELETED {
            return Ok((key, None));
        }
        let value = rest.get(..length as usize).ok_or(Damaged)?;
        Ok((key, Some(value)))
    }

    /// The place of the first row whose key is not below `key`; [`Block::len`] where there is none.
    pub(super) fn lower_bound(self, key: &str) -> Result<usize, Damaged> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.split(middle)?.0.cmp(key.as_bytes()) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => high = middle,
            }
        }
        Ok(low)
    }

    /// The row under `key`.
    pub(super) fn find(self, key: &str) -> Result<Option<Entry<'a>>, Damaged> {
        let place = self.lower_bound(key)?;
        if place == self.len() {
            return Ok(None);
        }
        Ok(Some(self.entry(place)?).filter(|(found, _)| *found == key))
    }

    /// Key, length of the value, and what follows the key.
    fn split(self, place: usize) -> Result<(&'a [u8], u32, &'a [u8]), Damaged> {
        let (start, _) = split_number(self.starts.get(place * NUMBER..).ok_or(Damaged)?)?;
        let row = self.body.get(start as usize..).ok_or(Damaged)?;
        let (key_bytes, row) = split_number(row)?;
        let (value_bytes, row) = split_number(row)?;
        let (key, rest) = row.split_at_checked(key_bytes as usize).ok_or(Damaged)?;
        Ok((key, value_bytes, rest))
    }
}

pub(super) fn split_number(bytes: &[u8]) -> Result<(u32, &[u8]), Damaged> {
    let (number, rest) = bytes.split_first_chunk::<NUMBER>().ok_or(Damaged)?;
    Ok((u32::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_anywhere_is_damaged_or_lacks_rows_and_never_breaks() {
        let mut writer = BlockWriter::default();
        let rows: [Entry<'_>; 4] =
            [("", Some(b"1")), ("a", None), ("ab", Some(b"")), ("箱", Some(b"{}"))];
        rows.iter().for_each(|row| writer.push(*row));
        let whole = writer.finish();
        assert!(writer.is_empty());
        let block = Block::of(&whole).unwrap();
        let read: Vec<_> = (0..block.len()).map(|place| block.entry(place).unwrap()).collect();
        assert_eq!(read, rows);
        assert_eq!(block.find("ab").unwrap(), Some(("ab", Some(&b""[..]))));
        assert_eq!(block.find("aa").unwrap(), None);
        assert_eq!(block.find("箱箱").unwrap(), None);
        assert_eq!(block.lower_bound("b").unwrap(), 3);
        for end in 0..whole.len() {
            let cut = Block::of(&whole[..end]);
            let all = cut.and_then(|cut| (0..cut.len()).try_for_each(|at| cut.entry(at).map(drop)));
            assert_eq!(all, Err(Damaged), "cut at {end}");
        }
    }
}
