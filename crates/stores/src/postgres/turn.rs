//! A turn: the exclusive right of one writer to append until its transaction ends. A writer locks
//! the log's head, reads what others appended, and appends one record. When a connection is lost
//! during COMMIT, the log is read to find out whether the record is there.

use std::future::{poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::Pool;
use earmark_kernel::clock::sleep;
use earmark_kernel::ids::{Ids, RandomIds};
use earmark_kernel::log::{AppendError, Record};
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::Type;
use tokio_postgres::{Client as PgClient, Error as PgError};
use uuid::Uuid;

use super::columns::{LogPartition, Value, from_sql, read_record, to_sql};
use super::connection::{BusyConnection, close, with_timeout};
use super::error::{Error, explain};
use super::fencing::LastRecord;
use super::writer_connection::WriterConnection;

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// Attempts to get a turn.
const ATTEMPTS_MAX: usize = 20;
/// The pause between two attempts.
const RETRY_DELAY: Duration = Duration::from_millis(250);
/// Attempts to find out how a commit ended: a minute, if the server refuses at once.
const OUTCOME_ATTEMPTS_MAX: usize = 240;

/// An open transaction that holds the lock on the log's head.
pub(super) struct Turn {
    client: Arc<BusyConnection>,
    /// The number of the last event of the log, which cannot change during the turn.
    pub(super) head: u64,
}

/// A turn, and what other writers appended before it.
pub(super) struct BegunTurn {
    pub(super) turn: Turn,
    pub(super) others: Vec<Record>,
    /// The last of the others' records.
    pub(super) last: Option<LastRecord>,
}

/// A turn that was requested: it has its place in the server's queue of writers.
pub(super) struct PendingTurn {
    /// The turn begins with the others' records after this number.
    pub(super) after: u64,
    begun: Pin<Box<dyn Future<Output = Result<BegunTurn, Error>> + Send>>,
}

impl PendingTurn {
    /// Sends the request when it is first polled.
    fn new(
        client: Arc<BusyConnection>,
        partition: &LogPartition,
        after: u64,
        seen: Option<LastRecord>,
    ) -> Self {
        let partition = partition.clone();
        let begun = async move {
            let (head, others, last) = lock_and_read(&client, &partition, after, seen).await?;
            Ok(BegunTurn { turn: Turn { client, head }, others, last })
        };
        Self { after, begun: Box::pin(begun) }
    }

    async fn wait(self) -> Result<BegunTurn, Error> {
        with_timeout(self.begun).await.flatten()
    }
}

/// Begins a turn, and reads what others appended after `after`, in one round trip. Nothing has
/// happened when it fails, so it is repeated after a transient error: at once the first time, as
/// the connection may have been closed while it was idle.
pub(super) fn begin(
    connection: &WriterConnection,
    partition: &LogPartition,
    after: u64,
    seen: Option<LastRecord>,
) -> Result<BegunTurn, Error> {
    connection.run(async {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let begun = match connection.pool.get().await {
                Ok(client) => {
                    let client = BusyConnection::new(client);
                    PendingTurn::new(client, partition, after, seen).wait().await
                }
                Err(error) => Err(error.into()),
            };
            match begun {
                Err(Error::Transient(why)) if attempts < ATTEMPTS_MAX => {
                    tracing::debug!(why, attempts, "the turn is requested again");
                    if attempts > 1 {
                        sleep(RETRY_DELAY).await;
                    }
                }
                result => return result,
            }
        }
    })
}

/// Waits for a requested turn. None when the request failed; then [`begin`] requests a new turn.
pub(super) fn wait(connection: &WriterConnection, pending: PendingTurn) -> Option<BegunTurn> {
    connection
        .run(pending.wait())
        .inspect_err(|error| tracing::debug!(?error, "the requested turn was lost"))
        .ok()
}

async fn lock_and_read(
    client: &PgClient,
    partition: &LogPartition,
    after: u64,
    seen: Option<LastRecord>,
) -> Result<(u64, Vec<Record>, Option<LastRecord>), Error> {
    let sql = "SELECT first_seq, last_seq, at, events, group_id, head \
               FROM earmark.begin_turn($1, $2, $3, $4, $5)";
    let (after, [service, partition]) = (to_sql(after), partition.values());
    let (first, group) = LastRecord::values(seen);
    let values =
        [service, partition, (&after as _, Type::INT8), (&first, Type::INT8), (&group, Type::UUID)];
    let (begun, locked) =
        tokio::join!(biased; client.batch_execute(BEGIN), client.query_typed(sql, &values));
    begun?;
    let locked = locked?;
    let head = locked.first().map_or(0, |row| from_sql(row.get("head")));
    let others: Vec<_> =
        locked.iter().filter(|row| row.get::<_, Option<i64>>(0).is_some()).collect();
    let last = others.last().map(|row| LastRecord::of(row));
    Ok((head, others.into_iter().map(read_record).collect(), last))
}

/// Ends a turn without a record.
pub(super) fn release(connection: &WriterConnection, turn: Turn) {
    connection.run(async move {
        let rolled_back = with_timeout(turn.client.batch_execute("ROLLBACK")).await;
        if matches!(rolled_back, Ok(Ok(()))) {
            turn.client.return_to_pool();
        }
    });
}

/// Appends the record and ends the turn, in one round trip. With `requests_next`, the next turn is
/// requested in the same round trip.
pub(super) fn append(
    connection: &WriterConnection,
    partition: &LogPartition,
    turn: Turn,
    record: &Record,
    requests_next: bool,
) -> Result<(LastRecord, Option<PendingTurn>), AppendError> {
    let group = RandomIds.next();
    let (first_seq, client) = (record.first_seq, turn.client);
    let seen = LastRecord { first_seq, group };
    connection.run(async move {
        let next = || PendingTurn::new(Arc::clone(&client), partition, record.last_seq, Some(seen));
        let mut pending = requests_next.then(next);
        let committing = insert_and_commit(&client, partition, record, group);
        let why = match with_timeout(then_request(committing, &mut pending)).await {
            Ok(Ok(())) => {
                if pending.is_none() {
                    client.return_to_pool();
                }
                return Ok((seen, pending));
            }
            Ok(Err(CommitError::NotCommitted(error))) => return Err(error.into()),
            Ok(Err(CommitError::Unknown(why))) => why,
            Err(error) => error.text(),
        };
        drop((pending, client));
        tracing::warn!(why, "the connection was lost during a commit; the log is read to find out");
        find_out(&connection.pool, partition, first_seq, group, &why).await.map(|()| (seen, None))
    })
}

/// Waits for a commit, and sends the request for the next turn right behind it.
async fn then_request<T>(
    committing: impl Future<Output = T>,
    pending: &mut Option<PendingTurn>,
) -> T {
    let mut committing = pin!(committing);
    let mut is_requested = false;
    poll_fn(|context| {
        let committed = committing.as_mut().poll(context);
        if let Some(pending) = pending.as_mut().filter(|_| !is_requested) {
            is_requested = true;
            if let Poll::Ready(begun) = pending.begun.as_mut().poll(context) {
                pending.begun = Box::pin(ready(begun));
            }
        }
        committed
    })
    .await
}

/// Why a commit was not confirmed.
enum CommitError {
    NotCommitted(Error),
    /// It may have been committed.
    Unknown(String),
}

async fn insert_and_commit(
    client: &PgClient,
    partition: &LogPartition,
    record: &Record,
    group: Uuid,
) -> Result<(), CommitError> {
    let sql = "SELECT earmark.append($1, $2, $3, $4, $5, $6, $7)";
    let (first, last) = (to_sql(record.first_seq), to_sql(record.last_seq));
    let [service, partition] = partition.values();
    let values: [(Value<'_>, Type); 7] = [
        service,
        partition,
        (&first, Type::INT8),
        (&last, Type::INT8),
        (&record.at_ms, Type::INT8),
        (&group, Type::UUID),
        (&record.events, Type::TEXT),
    ];
    let (inserted, committed) = tokio::join!(
        biased;
        client.query_typed_one(sql, &values),
        client.batch_execute("COMMIT"),
    );
    match (inserted.map(|row| row.get(0)), committed) {
        (Ok(true), Ok(())) => Ok(()),
        // The COMMIT ended a transaction that wrote nothing ...
        (Ok(_), Ok(())) => {
            Err(CommitError::NotCommitted(Error::Permanent("the head has moved".to_owned())))
        }
        // ... or a transaction that had already failed.
        (Err(error), Ok(())) => Err(CommitError::NotCommitted(error.into())),
        (Err(error), Err(_)) if is_refusal(&error) => Err(CommitError::NotCommitted(error.into())),
        (_, Err(error)) => Err(CommitError::Unknown(explain(&error))),
    }
}

/// Whether the server reported a failed statement on a live connection: then nothing is committed.
fn is_refusal(error: &PgError) -> bool {
    let db = error.as_db_error();
    db.is_some_and(|it| it.parsed_severity() == Some(Severity::Error))
        && error.code() != Some(&SqlState::TRANSACTION_RESOLUTION_UNKNOWN)
}

/// Finds out whether a group is in the log. Locking the head first waits until the transaction that
/// may have written the group has ended.
async fn find_out(
    pool: &Pool,
    partition: &LogPartition,
    first_seq: u64,
    group: Uuid,
    why: &str,
) -> Result<(), AppendError> {
    for _ in 0..OUTCOME_ATTEMPTS_MAX {
        match find_group(pool, partition, first_seq, group).await {
            Ok(true) => return Ok(()),
            Ok(false) => return Err(AppendError::Failed(why.to_owned())),
            Err(error) => {
                tracing::debug!(why = error.text(), "the log is read again to find the commit");
                sleep(RETRY_DELAY).await;
            }
        }
    }
    Err(AppendError::Unknown(format!("{why}; the server could not be reached to find out")))
}

async fn find_group(
    pool: &Pool,
    partition: &LogPartition,
    first_seq: u64,
    group: Uuid,
) -> Result<bool, Error> {
    let client = pool.get().await?;
    let found = with_timeout(has_group(&client, partition, first_seq, group)).await;
    // In every case the connection holds a lock or has failed.
    close(client);
    Ok(found??)
}

async fn has_group(
    client: &PgClient,
    partition: &LogPartition,
    first_seq: u64,
    group: Uuid,
) -> Result<bool, PgError> {
    let lock = "SELECT earmark.lock_head($1, $2)";
    let sql = "SELECT group_id FROM earmark.log \
               WHERE service = $1 AND partition = $2 AND first_seq = $3";
    let first = to_sql(first_seq);
    client.batch_execute(BEGIN).await?;
    client.query_typed_one(lock, &partition.values()).await?;
    let [service, partition] = partition.values();
    let found =
        client.query_typed_opt(sql, &[service, partition, (&first as _, Type::INT8)]).await?;
    client.batch_execute("ROLLBACK").await?;
    Ok(found.is_some_and(|row| row.get::<_, Uuid>(0) == group))
}
