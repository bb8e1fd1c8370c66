//! A writer's turn: the log's head is locked, what others wrote is read, one record is appended,
//! and a connection that is lost around COMMIT is found out about.

use std::fmt;
use std::time::Duration;

use deadpool_postgres::Object;
use earmark_kernel::ids::{Ids, RandomIds};
use earmark_kernel::log::{AppendError, Record};
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use super::log::{Place, Value, record, to_sql};
use super::road::{Road, discard, rest, silence, within};
use super::trouble::{Trouble, explain};

/// Whoever stands still in its turn loses it after so long, so that the others go on; and nobody
/// waits longer for it. Both hold for the transaction alone.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
                     SET LOCAL idle_in_transaction_session_timeout = '10s'; \
                     SET LOCAL lock_timeout = '20s'";
/// A turn that was not given is asked for again so often ...
const TRIES: usize = 20;
/// ... after so long each.
const AGAIN: Duration = Duration::from_millis(250);
/// Whether a commit came about is asked so often: a minute, if the server refuses at once.
const ASKED_MAX: usize = 240;

const LOCK: &str = "SELECT next_seq FROM earmark.log_head WHERE service = $1 AND partition = $2 \
                    FOR UPDATE";

/// A transaction that holds the lock on the head.
pub(super) struct Turn {
    client: Object,
    /// The number of the last event of the log; it stays so until the turn ends.
    pub(super) head: u64,
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a turn after {}", self.head)
    }
}

/// Takes the turn, and reads what others wrote after `after`, in one round trip. Nothing has
/// happened when it fails, so what passes is tried again.
pub(super) fn begin(
    road: &Road,
    place: &Place,
    after: u64,
) -> Result<(Turn, Vec<Record>), AppendError> {
    let (pool, place) = (road.pool.clone(), place.clone());
    let begun = road.run(async move {
        let mut tries = 0;
        loop {
            tries += 1;
            match begin_once(&pool, &place, after).await {
                Err(Trouble::Passing(why)) if tries < TRIES => {
                    tracing::debug!(why, tries, "a turn is asked for again");
                    rest(AGAIN).await;
                }
                ended => return ended,
            }
        }
    });
    Ok(begun?)
}

async fn begin_once(
    pool: &deadpool_postgres::Pool,
    place: &Place,
    after: u64,
) -> Result<(Turn, Vec<Record>), Trouble> {
    let client = pool.get().await?;
    match within(lock_and_read(&client, place, after)).await.unwrap_or_else(|| Err(silence())) {
        Ok((head, others)) => Ok((Turn { client, head }, others)),
        Err(trouble) => {
            discard(client);
            Err(trouble)
        }
    }
}

async fn lock_and_read(
    client: &Client,
    place: &Place,
    after: u64,
) -> Result<(u64, Vec<Record>), Trouble> {
    let tail = "SELECT first_seq, last_seq, at, events FROM earmark.log \
                WHERE service = $1 AND partition = $2 AND first_seq > $3 ORDER BY first_seq";
    let (after, [service, partition]) = (to_sql(after), place.values());
    let (of, of_tail) = (place.values(), [service, partition, (&after as _, Type::INT8)]);
    let (begun, locked, read) = tokio::join!(
        biased;
        client.batch_execute(BEGIN),
        client.query_typed_one(LOCK, &of),
        client.query_typed(tail, &of_tail),
    );
    begun?;
    let next: i64 = locked?.get(0);
    let head = u64::try_from(next).unwrap_or(1).saturating_sub(1);
    Ok((head, read?.iter().map(record).collect()))
}

/// Gives the turn back; nothing was recorded.
pub(super) fn release(road: &Road, turn: Turn) {
    road.begin(async move {
        let ended = within(turn.client.batch_execute("ROLLBACK")).await;
        if !matches!(ended, Some(Ok(()))) {
            discard(turn.client);
        }
    });
}

/// Appends and ends the turn, in one round trip.
pub(super) fn append(
    road: &Road,
    place: &Place,
    turn: Turn,
    record: &Record,
) -> Result<(), AppendError> {
    let (pool, place, record) = (road.pool.clone(), place.clone(), record.clone());
    road.run(async move {
        let group = RandomIds.next();
        let committed = within(insert_and_commit(&turn.client, &place, &record, group)).await;
        let why = match committed {
            Some(Ok(())) => return Ok(()),
            Some(Err(Ended::Nothing(trouble))) => {
                discard(turn.client);
                return Err(trouble.into());
            }
            Some(Err(Ended::Open(why))) => why,
            None => "the server does not answer".to_owned(),
        };
        discard(turn.client);
        tracing::warn!(why, "the connection was lost around a commit; the log is asked about it");
        find_out(&pool, &place, record.first_seq, group, &why).await
    })
}

/// How a commit that did not go well ended.
enum Ended {
    Nothing(Trouble),
    /// It may have come about.
    Open(String),
}

async fn insert_and_commit(
    client: &Client,
    place: &Place,
    record: &Record,
    group: Uuid,
) -> Result<(), Ended> {
    let sql = "WITH head AS (UPDATE earmark.log_head SET next_seq = $4 + 1 \
               WHERE service = $1 AND partition = $2 AND next_seq = $3 RETURNING 1) \
               INSERT INTO earmark.log(service, partition, first_seq, last_seq, at, group_id, events) \
               SELECT $1, $2, $3, $4, $5, $6, $7 FROM head";
    let (first, last) = (to_sql(record.first_seq), to_sql(record.last_seq));
    let [service, partition] = place.values();
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
        client.execute_typed(sql, &values),
        client.batch_execute("COMMIT"),
    );
    match (inserted, committed) {
        (Ok(1), Ok(())) => Ok(()),
        // The COMMIT behind it ended a transaction in which nothing was written ...
        (Ok(_), Ok(())) => Err(Ended::Nothing(Trouble::Lasting("the head has moved".to_owned()))),
        // ... or that the error had ended already.
        (Err(error), Ok(())) => Err(Ended::Nothing(error.into())),
        (Err(error), Err(_)) if is_refusal(&error) => Err(Ended::Nothing(error.into())),
        (_, Err(error)) => Err(Ended::Open(explain(&error))),
    }
}

/// Whether the server answered that a statement failed, and lives on: then it is not committed.
fn is_refusal(error: &Error) -> bool {
    let db = error.as_db_error();
    db.is_some_and(|it| it.parsed_severity() == Some(Severity::Error))
        && error.code() != Some(&SqlState::TRANSACTION_RESOLUTION_UNKNOWN)
}

/// Asks the log whether a group is in it. The head is locked first: then the transaction that may
/// have written it has ended, one way or the other.
async fn find_out(
    pool: &deadpool_postgres::Pool,
    place: &Place,
    first_seq: u64,
    group: Uuid,
    why: &str,
) -> Result<(), AppendError> {
    for _ in 0..ASKED_MAX {
        match asked(pool, place, first_seq, group).await {
            Ok(true) => return Ok(()),
            Ok(false) => return Err(AppendError::Failed(why.to_owned())),
            Err(trouble) => {
                tracing::debug!(why = trouble.text(), "the log is asked again about a commit");
                rest(AGAIN).await;
            }
        }
    }
    Err(AppendError::Unknown(format!("{why}; and the server cannot be asked what came of it")))
}

async fn asked(
    pool: &deadpool_postgres::Pool,
    place: &Place,
    first_seq: u64,
    group: Uuid,
) -> Result<bool, Trouble> {
    let client = pool.get().await?;
    let answer = within(is_there(&client, place, first_seq, group)).await;
    // Whatever it is, it holds a lock or has had an error.
    discard(client);
    Ok(answer.ok_or_else(silence)??)
}

async fn is_there(
    client: &Client,
    place: &Place,
    first_seq: u64,
    group: Uuid,
) -> Result<bool, Error> {
    let sql = "SELECT group_id FROM earmark.log \
               WHERE service = $1 AND partition = $2 AND first_seq = $3";
    let first = to_sql(first_seq);
    client.batch_execute(BEGIN).await?;
    client.query_typed_one(LOCK, &place.values()).await?;
    let [service, partition] = place.values();
    let found =
        client.query_typed_opt(sql, &[service, partition, (&first as _, Type::INT8)]).await?;
    client.batch_execute("ROLLBACK").await?;
    Ok(found.is_some_and(|row| row.get::<_, Uuid>(0) == group))
}
