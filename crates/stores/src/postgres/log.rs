//! The log of one partition in PostgreSQL: read by all, appended to by whose turn it is.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use earmark_kernel::log::{AppendError, LogStore, Record, StoreError};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client as PgClient, Error as PgError, Row};
use uuid::Uuid;

use super::client::Client;
use super::fencing::{LastRecord, Memory};
use super::leases;
use super::open_error::OpenError;
use super::turn::{self, Coming, Turn};
use super::writer_connection::WriterConnection;
use crate::contract;

/// The log of one partition.
pub struct PostgresLog {
    client: Arc<Client>,
    connection: WriterConnection,
    place: Place,
    id: String,
    mine: Mutex<Mine>,
    /// So many turns in a row were asked for with the end of the one before.
    asked: AtomicU32,
    memory: Memory,
}

/// After so many turns asked for in a row one is asked for by itself: a pooler gives a connection
/// to others only where nothing is asked over it.
const ASKED_IN_A_ROW_MAX: u32 = 32;

/// What this process has of the turn to append.
#[derive(Default)]
enum Mine {
    #[default]
    Nothing,
    /// Asked for, by `append_and_ask`.
    Coming(Coming),
    /// From `begin` to `append` or `release`.
    Turn(Turn),
}

/// Which log it is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) service: String,
    pub(super) partition: i32,
}

/// A value of a statement; a place's are the first two of each.
pub(super) type Value<'v> = &'v (dyn ToSql + Sync);

impl Place {
    pub(super) fn values(&self) -> [(Value<'_>, Type); 2] {
        [(&self.service, Type::TEXT), (&self.partition, Type::INT4)]
    }
}

impl PostgresLog {
    pub(super) fn open(
        client: &Arc<Client>,
        service: &str,
        partition: u16,
        new_log_id: &str,
    ) -> Result<Self, OpenError> {
        let place = Place { service: service.to_owned(), partition: i32::from(partition) };
        let (of, new_log_id) = (place.clone(), new_log_id.to_owned());
        let named = client.ask(move |client| {
            let (of, new_log_id) = (of.clone(), new_log_id.clone());
            Box::pin(async move { Ok(name(client, &of, &new_log_id).await?) })
        });
        let unnamed =
            |why: super::error::Error| OpenError::Sql { doing: "name a log", why: why.text() };
        let id = named.map_err(unnamed)?;
        Ok(Self {
            client: Arc::clone(client),
            connection: WriterConnection::open(client)?,
            place,
            id,
            mine: Mutex::default(),
            asked: AtomicU32::new(0),
            memory: Memory::default(),
        })
    }

    fn mine(&self) -> MutexGuard<'_, Mine> {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_turn(&self, record: &Record, asks: bool) -> Result<(), AppendError> {
        if !matches!(*self.mine(), Mine::Turn(_)) {
            // Somebody who appends without deciding first: what others wrote is no matter, unless
            // it is in the way.
            self.begin(u64::MAX)?;
        }
        let Mine::Turn(turn) = std::mem::take(&mut *self.mine()) else {
            return Err(AppendError::Failed("the turn was taken away".into()));
        };
        if let Err(refused) = contract::check_next(turn.head, record) {
            turn::release(&self.connection, turn);
            return Err(refused);
        }
        if !asks {
            self.asked.store(0, Ordering::Relaxed);
        }
        let (known, coming) = turn::append(&self.connection, &self.place, turn, record, asks)?;
        self.memory.see(known);
        if let Some(coming) = coming {
            *self.mine() = Mine::Coming(coming);
        }
        Ok(())
    }

    fn unreadable(&self, why: &str) -> StoreError {
        StoreError(format!("cannot read the log at {}: {why}", self.client.address))
    }
}

impl LogStore for PostgresLog {
    fn append(&self, record: &Record) -> Result<(), AppendError> {
        self.end_turn(record, false)
    }

    fn append_and_ask(&self, record: &Record) -> Result<(), AppendError> {
        let asks = self.asked.fetch_add(1, Ordering::Relaxed) < ASKED_IN_A_ROW_MAX;
        self.end_turn(record, asks)
    }

    fn read_after(&self, after: u64, events_max: u64) -> Result<Vec<Record>, StoreError> {
        // Records have no gaps: the next event is in the last record that begins at or before it.
        let sql = "SELECT first_seq, last_seq, at, events, group_id FROM earmark.log \
                   WHERE service = $1 AND partition = $2 AND last_seq > $3 AND first_seq <= $5 \
                   AND first_seq >= (SELECT first_seq FROM earmark.log \
                   WHERE service = $1 AND partition = $2 AND first_seq <= $4 \
                   ORDER BY first_seq DESC LIMIT 1) ORDER BY first_seq";
        let next = after.saturating_add(1);
        let until = to_sql(after.saturating_add(events_max).max(next));
        let (place, after, next) = (self.place.clone(), to_sql(after), to_sql(next));
        let expected = LastRecord::values(self.memory.last());
        let read = self.client.ask(move |client| {
            let place = place.clone();
            Box::pin(async move {
                let ([service, partition], number) = (place.values(), Type::INT8);
                let seqs = [&after, &next, &until].map(|it| (it as Value<'_>, number.clone()));
                let [after, next, until] = seqs;
                let values = [service.clone(), partition.clone(), after, next, until];
                let expect = "SELECT earmark.expect($1, $2, $3, $4)";
                let (first, group) = (&expected.0, &expected.1);
                let expected = [service, partition, (first as _, number), (group, Type::UUID)];
                let (read, expected) = tokio::join!(
                    biased;
                    client.query_typed(sql, &values),
                    client.query_typed(expect, &expected),
                );
                expected?;
                let rows = read?;
                Ok((rows.iter().map(record).collect(), rows.last().map(LastRecord::of)))
            })
        });
        let read = read.map_err(|error| self.memory.hear(error).text());
        let (records, last) = read.map_err(|why| self.unreadable(&why))?;
        last.into_iter().for_each(|last| self.memory.see(last));
        Ok(records)
    }

    fn head(&self) -> Result<u64, StoreError> {
        let sql = "SELECT next_seq FROM earmark.log_head WHERE service = $1 AND partition = $2";
        let place = self.place.clone();
        let read = self.client.ask(move |client| {
            let place = place.clone();
            Box::pin(async move {
                let row = client.query_typed_one(sql, &place.values()).await?;
                Ok(from_sql(row.get(0)))
            })
        });
        let next = read.map_err(|error| self.unreadable(&error.text()))?;
        Ok(next.saturating_sub(1))
    }

    fn id(&self) -> Result<String, StoreError> {
        Ok(self.id.clone())
    }

    fn lease(&self, work: &str, holder: Uuid, ttl: Duration) -> Result<bool, StoreError> {
        Ok(leases::lease(&self.client, &self.place, work, holder, ttl)?)
    }

    fn broken(&self) -> Option<String> {
        self.memory.lost().map(ToOwned::to_owned)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn begin(&self, after: u64) -> Result<Vec<Record>, AppendError> {
        let mine = std::mem::take(&mut *self.mine());
        let begun = match mine {
            Mine::Coming(coming) if coming.after == after => turn::arrive(&self.connection, coming),
            Mine::Turn(turn) => {
                turn::release(&self.connection, turn);
                None
            }
            // The connection has one connection: it is let go first.
            of_no_use => {
                drop(of_no_use);
                None
            }
        };
        let known = self.memory.last();
        let begun = begun
            .map_or_else(|| turn::begin(&self.connection, &self.place, after, known), Ok)
            .map_err(|error| self.memory.hear(error))?;
        begun.last.into_iter().for_each(|last| self.memory.see(last));
        *self.mine() = Mine::Turn(begun.turn);
        Ok(begun.others)
    }

    fn release(&self) {
        let mut mine = self.mine();
        match std::mem::take(&mut *mine) {
            Mine::Turn(turn) => turn::release(&self.connection, turn),
            // It is not begun yet.
            other => *mine = other,
        }
    }
}

impl fmt::Debug for PostgresLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { service, partition } = &self.place;
        write!(f, "the log of {service} ({partition}) at {:?}", self.client)
    }
}

impl Drop for PostgresLog {
    fn drop(&mut self) {
        self.release();
    }
}

/// The name of a log, given by whoever opens it first.
async fn name(client: &PgClient, place: &Place, new_log_id: &str) -> Result<String, PgError> {
    let sql = "INSERT INTO earmark.log_head(service, partition, log_id) VALUES ($1, $2, $3) \
               ON CONFLICT (service, partition) DO NOTHING";
    let [service, partition] = place.values();
    client.execute_typed(sql, &[service, partition, (&new_log_id, Type::TEXT)]).await?;
    let sql = "SELECT log_id FROM earmark.log_head WHERE service = $1 AND partition = $2";
    Ok(client.query_typed_one(sql, &place.values()).await?.get(0))
}

pub(super) fn record(row: &Row) -> Record {
    Record {
        first_seq: from_sql(row.get(0)),
        last_seq: from_sql(row.get(1)),
        at_ms: row.get(2),
        events: row.get(3),
    }
}

/// SQL's integers are signed; no log comes near the end of them.
pub(super) fn to_sql(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}
