//! The log of one partition in PostgreSQL: read by all, appended to by one writer at a time.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use earmark_kernel::log::{AppendError, LogStore, Record, StoreError};
use tokio_postgres::types::Type;
use tokio_postgres::{Client as PgClient, Error as PgError};
use uuid::Uuid;

use super::client::Client;
use super::columns::{LogPartition, Value, from_sql, read_record, to_sql};
use super::fencing::{LastRecord, SeenLog};
use super::leases;
use super::open_error::OpenError;
use super::turn::{self, PendingTurn, Turn};
use super::writer_connection::WriterConnection;
use crate::validation::check_next_record;

/// Turns in a row that are requested together with the end of the turn before. The next one is
/// requested separately, because a pooler hands a connection to other clients only while no
/// request is open on it.
const PIPELINED_TURNS_MAX: u32 = 32;

/// The log of one partition.
pub struct PostgresLog {
    client: Arc<Client>,
    connection: WriterConnection,
    partition: LogPartition,
    id: String,
    turn: Mutex<TurnState>,
    /// Turns in a row that were requested together with the end of the turn before.
    pipelined_turns: AtomicU32,
    seen: SeenLog,
}

/// This process' part in the queue of writers.
#[derive(Default)]
enum TurnState {
    #[default]
    None,
    /// Requested by `append_and_ask`.
    Pending(PendingTurn),
    /// From `begin` to `append` or `release`.
    Held(Turn),
}

impl PostgresLog {
    pub(super) fn open(
        client: &Arc<Client>,
        service: &str,
        partition: u16,
        new_log_id: &str,
    ) -> Result<Self, OpenError> {
        let partition =
            LogPartition { service: service.to_owned(), partition: i32::from(partition) };
        let (of, new_log_id) = (partition.clone(), new_log_id.to_owned());
        let id = client.request(move |client| {
            let (of, new_log_id) = (of.clone(), new_log_id.clone());
            Box::pin(async move { Ok(create_or_read_id(client, &of, &new_log_id).await?) })
        });
        let unnamed =
            |why: super::error::Error| OpenError::Sql { doing: "name a log", why: why.text() };
        Ok(Self {
            client: Arc::clone(client),
            connection: WriterConnection::open(client)?,
            partition,
            id: id.map_err(unnamed)?,
            turn: Mutex::default(),
            pipelined_turns: AtomicU32::new(0),
            seen: SeenLog::default(),
        })
    }

    fn turn(&self) -> MutexGuard<'_, TurnState> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_turn(&self, record: &Record, requests_next: bool) -> Result<(), AppendError> {
        if !matches!(*self.turn(), TurnState::Held(_)) {
            // The caller appends without deciding first, so the others' records are not read.
            self.begin(u64::MAX)?;
        }
        let TurnState::Held(turn) = std::mem::take(&mut *self.turn()) else {
            return Err(AppendError::Failed("another thread ended the turn".into()));
        };
        if let Err(refused) = check_next_record(turn.head, record) {
            turn::release(&self.connection, turn);
            return Err(refused);
        }
        if !requests_next {
            self.pipelined_turns.store(0, Ordering::Relaxed);
        }
        let (seen, pending) =
            turn::append(&self.connection, &self.partition, turn, record, requests_next)?;
        self.seen.advance(seen);
        if let Some(pending) = pending {
            *self.turn() = TurnState::Pending(pending);
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
        let count = self.pipelined_turns.fetch_add(1, Ordering::Relaxed);
        self.end_turn(record, count < PIPELINED_TURNS_MAX)
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
        let (partition, after, next) = (self.partition.clone(), to_sql(after), to_sql(next));
        let expected = LastRecord::values(self.seen.last());
        let read = self.client.request(move |client| {
            let partition = partition.clone();
            Box::pin(async move {
                let ([service, partition], number) = (partition.values(), Type::INT8);
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
                Ok((rows.iter().map(read_record).collect(), rows.last().map(LastRecord::of)))
            })
        });
        let read = read.map_err(|error| self.seen.check(error).text());
        let (records, last) = read.map_err(|why| self.unreadable(&why))?;
        last.into_iter().for_each(|last| self.seen.advance(last));
        Ok(records)
    }

    fn head(&self) -> Result<u64, StoreError> {
        let sql = "SELECT next_seq FROM earmark.log_head WHERE service = $1 AND partition = $2";
        let partition = self.partition.clone();
        let read = self.client.request(move |client| {
            let partition = partition.clone();
            Box::pin(async move {
                let row = client.query_typed_one(sql, &partition.values()).await?;
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
        Ok(leases::lease(&self.client, &self.partition, work, holder, ttl)?)
    }

    fn broken(&self) -> Option<String> {
        self.seen.lost().map(ToOwned::to_owned)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn begin(&self, after: u64) -> Result<Vec<Record>, AppendError> {
        let state = std::mem::take(&mut *self.turn());
        let begun = match state {
            TurnState::Pending(pending) if pending.after == after => {
                turn::wait(&self.connection, pending)
            }
            TurnState::Held(turn) => {
                turn::release(&self.connection, turn);
                None
            }
            // The writer has one connection: an unusable request must free it first.
            unusable => {
                drop(unusable);
                None
            }
        };
        let seen = self.seen.last();
        let begun = begun
            .map_or_else(|| turn::begin(&self.connection, &self.partition, after, seen), Ok)
            .map_err(|error| self.seen.check(error))?;
        begun.last.into_iter().for_each(|last| self.seen.advance(last));
        *self.turn() = TurnState::Held(begun.turn);
        Ok(begun.others)
    }

    fn release(&self) {
        let mut state = self.turn();
        match std::mem::take(&mut *state) {
            TurnState::Held(turn) => turn::release(&self.connection, turn),
            // A requested turn has not begun and is kept.
            other => *state = other,
        }
    }
}

impl fmt::Debug for PostgresLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogPartition { service, partition } = &self.partition;
        write!(f, "the log of {service} ({partition}) at {:?}", self.client)
    }
}

impl Drop for PostgresLog {
    fn drop(&mut self) {
        self.release();
    }
}

/// The name of a log; the first process that opens the log sets it.
async fn create_or_read_id(
    client: &PgClient,
    partition: &LogPartition,
    new_log_id: &str,
) -> Result<String, PgError> {
    let sql = "INSERT INTO earmark.log_head(service, partition, log_id) VALUES ($1, $2, $3) \
               ON CONFLICT (service, partition) DO NOTHING";
    let [service, number] = partition.values();
    client.execute_typed(sql, &[service, number, (&new_log_id, Type::TEXT)]).await?;
    let sql = "SELECT log_id FROM earmark.log_head WHERE service = $1 AND partition = $2";
    Ok(client.query_typed_one(sql, &partition.values()).await?.get(0))
}
