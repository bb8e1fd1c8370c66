//! The view of reservations: by order, and by the time at which the effect worker looks at them.

use earmark_contracts::values::{OrderId, Text};
use earmark_kernel::{
    Aggregate, DueOperation, Key, Reading, Recorded, StoreError, Table, UnixMillis, View,
};

use super::aggregate::Reservation;
use super::events::ReservationEvent;
use crate::allocation::keys::{SEPARATOR, row_key};

/// Reservations. The keys of rows with a reservation are `o` and the order; those of rows without
/// are `d`, the due time and the order, for reservations that have one.
pub struct Reservations;

impl View for Reservations {
    const NAME: &'static str = "reservations";
    const CHANGES_OFTEN: bool = true;
    type Event = ReservationEvent;
    type Row = Option<Reservation>;

    fn apply(
        rows: &mut Table<Option<Reservation>>,
        recorded: &Recorded<ReservationEvent>,
    ) -> Result<(), StoreError> {
        let key = order_key(recorded.key);
        let mut reservation = rows.get(&key)?.flatten().unwrap_or_default();
        let before = reservation.due();
        reservation.evolve(recorded.event);
        let after = reservation.due();
        rows.put(key, Some(reservation));
        if before != after {
            if let Some(due) = before {
                rows.delete(due_key(due, recorded.key));
            }
            if let Some(due) = after {
                rows.put(due_key(due, recorded.key), None);
            }
        }
        Ok(())
    }
}

fn order_key(order_id: &str) -> Key {
    row_key(&["o", order_id])
}

/// Keys sort by time; times before 1970 count as 1970.
pub(super) fn due_key(due: UnixMillis, order_id: &str) -> Key {
    row_key(&["d", &format!("{:016x}", due.0.max(0)), order_id])
}

/// The reservation of an order.
pub(in crate::allocation) fn reservation(
    reading: &Reading,
    order_id: &OrderId,
) -> Result<Option<Reservation>, StoreError> {
    Ok(reading.get::<Reservations>(&order_key(&order_id.0))?.flatten())
}

/// Orders by the due times of their reservations, after a row and at most `limit`.
pub(super) fn by_due(
    reading: &Reading,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(UnixMillis, OrderId)>, StoreError> {
    let rows = reading.scan::<Reservations>("d\u{1f}", after, limit)?;
    rows.into_iter().map(|(key, _)| parse_due(&key)).collect()
}

fn parse_due(key: &str) -> Result<(UnixMillis, OrderId), StoreError> {
    let invalid = || StoreError(format!("the key {key:?} is not one of a due reservation"));
    let mut parts = key.splitn(3, SEPARATOR).skip(1);
    let due = parts.next().and_then(|it| i64::from_str_radix(it, 16).ok()).ok_or_else(invalid)?;
    let order_id = parts.next().and_then(|it| Text::parse(it).ok()).ok_or_else(invalid)?;
    Ok((UnixMillis(due), OrderId(order_id)))
}

/// The reservations that are due, for the effect worker.
pub(in crate::allocation) fn due(
    reading: &Reading,
    limit: usize,
) -> Result<Vec<DueOperation>, StoreError> {
    let now = reading.now();
    let due = by_due(reading, None, limit)?.into_iter().take_while(|(due, _)| *due <= now);
    Ok(due
        .map(|(due, order_id)| DueOperation { id: Key::from(&*order_id.0), due, attempt: 0 })
        .collect())
}
