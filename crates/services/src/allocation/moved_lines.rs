//! The lines that a command moved, derived from the events that it recorded.

use std::collections::BTreeMap;

use earmark_contracts::allocation::MovedLine;

use super::events::{LineKey, StockEvent};

/// The lines whose batch changed, each once, with its batch before and after, in the order of their
/// first change. Lines that are in the same batch as before and lines that were released are not
/// included.
pub(super) fn moved_lines(recorded: &[StockEvent]) -> Vec<MovedLine> {
    let mut moves: Vec<MovedLine> = Vec::new();
    let mut indexes: BTreeMap<&LineKey, usize> = BTreeMap::new();
    for event in recorded {
        let (key, from, to) = match event {
            StockEvent::Deallocated(it) => (&it.line, Some(&it.batch), None),
            StockEvent::Allocated(it) => (&it.line, None, Some(&it.batch)),
            StockEvent::HoldEnded(it) => (&it.line, it.batch.as_ref(), None),
            StockEvent::Released(it) => {
                if let Some(index) = indexes.remove(&it.line) {
                    moves[index].to = moves[index].from.clone();
                }
                continue;
            }
            _ => continue,
        };
        if let Some(index) = indexes.get(key) {
            moves[*index].to = to.cloned();
            continue;
        }
        indexes.insert(key, moves.len());
        let (order_id, line_id) = (key.order_id.clone(), key.line_id.clone());
        let (from, to) = (from.cloned(), to.cloned());
        moves.push(MovedLine { order_id, line_id, from, to });
    }
    moves.retain(|it| it.from != it.to);
    moves
}
