//! Order ids: each given out once, in whatever order keys come to a shop.

use clap::ValueEnum;

/// Every id has so many characters, so that requests keep their length.
pub const ID_BYTES: usize = 16;
/// Ids begin at the millisecond in which the run begins, times this: runs do not share ids.
const IDS_PER_MS: u64 = 1 << 20;

/// How the ids of orders follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OrderIds {
    /// As random as a UUID of version 4.
    Random,
    /// Each greater than the one before, like a UUID of version 7.
    Time,
}

impl OrderIds {
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Time => "time",
        }
    }
}

/// The ids that one connection gives to its orders.
#[derive(Clone, Debug)]
pub struct Orders {
    ids: OrderIds,
    next: u64,
    step: u64,
}

/// An id, in hexadecimal.
pub type OrderId = [u8; ID_BYTES];

impl Orders {
    /// For connection number `lane` of `lanes`, in a run that begins at `begin_ms`. Random ids are
    /// also others than those of another process that begins in the same millisecond.
    pub fn of(ids: OrderIds, begin_ms: u64, lane: usize, lanes: usize) -> Self {
        Self::of_process(ids, std::process::id(), begin_ms, (lane, lanes))
    }

    fn of_process(ids: OrderIds, id: u32, begin_ms: u64, (lane, lanes): (usize, usize)) -> Self {
        let of_run = match ids {
            OrderIds::Random => mixed(u64::from(id)),
            OrderIds::Time => 0,
        };
        let first = of_run.wrapping_add(begin_ms.wrapping_mul(IDS_PER_MS));
        Self { ids, next: first.wrapping_add(lane as u64), step: lanes as u64 }
    }

    /// An id that nobody has yet.
    pub fn next(&mut self) -> OrderId {
        let number = self.next;
        self.next = number.wrapping_add(self.step);
        match self.ids {
            OrderIds::Random => hexadecimal(mixed(number)),
            OrderIds::Time => hexadecimal(number),
        }
    }
}

/// The end of splitmix64 (Steele, Lea, Flood 2014): different numbers stay different.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn hexadecimal(number: u64) -> OrderId {
    let mut id = [0; ID_BYTES];
    for (place, byte) in id.iter_mut().enumerate() {
        let digit = (number >> (60 - 4 * place)) & 15;
        *byte = b"0123456789abcdef"[usize::try_from(digit).expect("a digit")];
    }
    id
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{OrderIds, Orders};

    #[test]
    fn no_two_connections_give_the_same_id() {
        for ids in [OrderIds::Random, OrderIds::Time] {
            let mut seen = BTreeSet::new();
            for lane in 0..3 {
                let mut orders = Orders::of(ids, 1_700_000_000_000, lane, 3);
                seen.extend((0..100).map(|_| orders.next()));
            }
            assert_eq!(seen.len(), 300);
        }
    }

    #[test]
    fn no_two_processes_that_begin_at_once_give_the_same_id() {
        let mut seen = BTreeSet::new();
        for id in 1..=50 {
            let mut orders = Orders::of_process(OrderIds::Random, id, 1_700_000_000_000, (0, 1));
            seen.extend((0..1_000).map(|_| orders.next()));
        }
        assert_eq!(seen.len(), 50_000);
    }

    #[test]
    fn ids_in_order_of_time_are_greater_one_after_another() {
        let mut orders = Orders::of(OrderIds::Time, 1_700_000_000_000, 0, 1);
        let ids: Vec<_> = (0..100).map(|_| orders.next()).collect();
        assert!(ids.is_sorted());
        assert_eq!(&ids[0], b"18bcfe5680000000");
    }
}
