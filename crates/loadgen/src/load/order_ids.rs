//! Order ids: unique, random or increasing.

use clap::ValueEnum;

/// Characters of an id: all requests have the same length.
pub const ID_BYTES: usize = 16;
/// The first id is the start of the run in milliseconds times this, so runs do not share ids.
const IDS_PER_MS: u64 = 1 << 20;

/// How order ids follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OrderIds {
    /// Random, like UUID version 4
    Random,
    /// Increasing, like UUID version 7
    Time,
}

impl OrderIds {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Time => "time",
        }
    }
}

/// The order ids of one connection.
#[derive(Clone, Debug)]
pub struct Orders {
    ids: OrderIds,
    next: u64,
    step: u64,
}

/// An id, in hexadecimal.
pub type OrderId = [u8; ID_BYTES];

impl Orders {
    /// For one of `connections`, in a run that begins at `begin_ms`. Random ids also differ from
    /// those of another process that begins in the same millisecond.
    pub fn of(ids: OrderIds, begin_ms: u64, connection: usize, connections: usize) -> Self {
        Self::of_process(ids, std::process::id(), begin_ms, (connection, connections))
    }

    fn of_process(
        ids: OrderIds,
        id: u32,
        begin_ms: u64,
        (connection, connections): (usize, usize),
    ) -> Self {
        let of_run = match ids {
            OrderIds::Random => mixed(u64::from(id)),
            OrderIds::Time => 0,
        };
        let first = of_run.wrapping_add(begin_ms.wrapping_mul(IDS_PER_MS));
        Self { ids, next: first.wrapping_add(connection as u64), step: connections as u64 }
    }

    /// The next unused id.
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
    fn connections_never_share_ids() {
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
    fn processes_that_begin_at_once_never_share_ids() {
        let mut seen = BTreeSet::new();
        for id in 1..=50 {
            let mut orders = Orders::of_process(OrderIds::Random, id, 1_700_000_000_000, (0, 1));
            seen.extend((0..1_000).map(|_| orders.next()));
        }
        assert_eq!(seen.len(), 50_000);
    }

    #[test]
    fn time_ordered_ids_increase() {
        let mut orders = Orders::of(OrderIds::Time, 1_700_000_000_000, 0, 1);
        let ids: Vec<_> = (0..100).map(|_| orders.next()).collect();
        assert!(ids.is_sorted());
        assert_eq!(&ids[0], b"18bcfe5680000000");
    }
}
