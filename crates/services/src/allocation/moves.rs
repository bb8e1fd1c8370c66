//! Which lines moved: read off what a command has recorded.

use std::collections::BTreeMap;

use earmark_contracts::allocation::MovedLine;

use super::events::{LineKey, StockEvent};

/// The lines that lost their place or got one through what was recorded, each once with where it
/// was before and where it is after, in the order in which they were placed (or lost) first.
/// A line that is where it was has not moved, nor has one that was released.
pub(super) fn moved_lines(recorded: &[StockEvent]) -> Vec<MovedLine> {
    let mut moves: Vec<MovedLine> = Vec::new();
    let mut places: BTreeMap<&LineKey, usize> = BTreeMap::new();
    for event in recorded {
        let (key, from, to) = match event {
            StockEvent::Deallocated(it) => (&it.line, Some(&it.batch), None),
            StockEvent::Allocated(it) => (&it.line, None, Some(&it.batch)),
            StockEvent::HoldEnded(it) => (&it.line, it.batch.as_ref(), None),
            StockEvent::Released(it) => {
                if let Some(place) = places.remove(&it.line) {
                    moves[place].to = moves[place].from.clone();
                }
                continue;
            }
            _ => continue,
        };
        if let Some(place) = places.get(key) {
            moves[*place].to = to.cloned();
            continue;
        }
        places.insert(key, moves.len());
        let (order_id, line_id) = (key.order_id.clone(), key.line_id.clone());
        let (from, to) = (from.cloned(), to.cloned());
        moves.push(MovedLine { order_id, line_id, from, to });
    }
    moves.retain(|it| it.from != it.to);
    moves
}
