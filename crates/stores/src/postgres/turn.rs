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

use super::known::Known;
use super::log::{Place, Value, from_sql, record, to_sql};
use super::road::{Road, discard, rest, silence, within};
use super::trouble::{Trouble, explain};

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// A turn that was not given is asked for again so often ...
const TRIES: usize = 20;
/// ... after so long each.
const AGAIN: Duration = Duration::from_millis(250);
/// Whether a commit came about is asked so often: a minute, if the server refuses at once.
const ASKED_MAX: usize = 240;

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

/// A turn, and what others appended before it.
pub(super) struct Begun {
    pub(super) turn: Turn,
    pub(super) others: Vec<Record>,
    /// The last of them.
    pub(super) last: Option<Known>,
}

/// Takes the turn, and reads what others wrote after `after`, in one round trip. Nothing has
/// happened when it fails, so what passes is tried again.
pub(super) fn begin(
    road: &Road,
    place: &Place,
    after: u64,
    known: Option<Known>,
) -> Result<Begun, Trouble> {
    let (pool, place) = (road.pool.clone(), place.clone());
    road.run(async move {
        let mut tries = 0;
        loop {
            tries += 1;
            match begin_once(&pool, &place, after, known).await {
                Err(Trouble::Passing(why)) if tries < TRIES => {
                    tracing::debug!(why, tries, "a turn is asked for again");
                    rest(AGAIN).await;
                }
                ended => return ended,
            }
        }
    })
}

async fn begin_once(
    pool: &deadpool_postgres::Pool,
    place: &Place,
    after: u64,
    known: Option<Known>,
) -> Result<Begun, Trouble> {
    let client = pool.get().await?;
    let asked = lock_and_read(&client, place, after, known);
    match within(asked).await.unwrap_or_else(|| Err(silence())) {
        Ok((head, others, last)) => Ok(Begun { turn: Turn { client, head }, others, last }),
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
    known: Option<Known>,
) -> Result<(u64, Vec<Record>, Option<Known>), Trouble> {
    let sql = "SELECT first_seq, last_seq, at, events, group_id, head \
               FROM earmark.begin_turn($1, $2, $3, $4, $5)";
    let (after, [service, partition]) = (to_sql(after), place.values());
    let (first, group) = Known::values(known);
    let values =
        [service, partition, (&after as _, Type::INT8), (&first, Type::INT8), (&group, Type::UUID)];
    let (begun, locked) =
        tokio::join!(biased; client.batch_execute(BEGIN), client.query_typed(sql, &values));
    begun?;
    let locked = locked?;
    let head = locked.first().map_or(0, |row| from_sql(row.get("head")));
    let others: Vec<_> =
        locked.iter().filter(|row| row.get::<_, Option<i64>>(0).is_some()).collect();
    let last = others.last().map(|row| Known::of(row));
    Ok((head, others.into_iter().map(record).collect(), last))
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
) -> Result<Known, AppendError> {
    let (pool, place, record) = (road.pool.clone(), place.clone(), record.clone());
    let group = RandomIds.next();
    let known = Known { first_seq: record.first_seq, group };
    let appended = road.run(async move {
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
    });
    appended.map(|()| known)
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
    let sql = "SELECT earmark.append($1, $2, $3, $4, $5, $6, $7)";
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
        client.query_typed_one(sql, &values),
        client.batch_execute("COMMIT"),
    );
    match (inserted.map(|row| row.get(0)), committed) {
        (Ok(true), Ok(())) => Ok(()),
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
    let lock = "SELECT FROM earmark.log_head WHERE service = $1 AND partition = $2 FOR UPDATE";
    let sql = "SELECT group_id FROM earmark.log \
               WHERE service = $1 AND partition = $2 AND first_seq = $3";
    let first = to_sql(first_seq);
    client.batch_execute(BEGIN).await?;
    client.batch_execute("SET LOCAL lock_timeout = '20s'").await?;
    client.query_typed_one(lock, &place.values()).await?;
    let [service, partition] = place.values();
    let found =
        client.query_typed_opt(sql, &[service, partition, (&first as _, Type::INT8)]).await?;
    client.batch_execute("ROLLBACK").await?;
    Ok(found.is_some_and(|row| row.get::<_, Uuid>(0) == group))
}
