//! A writer's turn: the log's head is locked, what others wrote is read, one record is appended,
//! and a connection that is lost around COMMIT is found out about.

use std::future::{poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::Pool;
use earmark_kernel::ids::{Ids, RandomIds};
use earmark_kernel::log::{AppendError, Record};
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::Type;
use tokio_postgres::{Client as PgClient, Error as PgError};
use uuid::Uuid;

use super::client::{discard, rest, silence, within};
use super::error::{Error, explain};
use super::fencing::LastRecord;
use super::log::{Place, Value, from_sql, record, to_sql};
use super::writer_connection::{Held, WriterConnection};

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// A turn that was not given is asked for again so often ...
const ATTEMPTS_MAX: usize = 20;
/// ... after so long each.
const RETRY_DELAY: Duration = Duration::from_millis(250);
/// Whether a commit came about is asked so often: a minute, if the server refuses at once.
const ASKED_MAX: usize = 240;

/// A transaction that holds the lock on the head.
pub(super) struct Turn {
    client: Arc<Held>,
    /// The number of the last event of the log; it stays so until the turn ends.
    pub(super) head: u64,
}

/// A turn, and what others appended before it.
pub(super) struct Begun {
    pub(super) turn: Turn,
    pub(super) others: Vec<Record>,
    /// The last of them.
    pub(super) last: Option<LastRecord>,
}

/// A turn that is asked for: it has its place among those who wait.
pub(super) struct Coming {
    /// Others' records after this one come with it.
    pub(super) after: u64,
    begun: Pin<Box<dyn Future<Output = Result<Begun, Error>> + Send>>,
}

impl Coming {
    /// Asks for a turn when it is polled first.
    fn new(client: Arc<Held>, place: &Place, after: u64, known: Option<LastRecord>) -> Self {
        let place = place.clone();
        let begun = async move {
            let (head, others, last) = lock_and_read(&client, &place, after, known).await?;
            Ok(Begun { turn: Turn { client, head }, others, last })
        };
        Self { after, begun: Box::pin(begun) }
    }

    async fn arrive(self) -> Result<Begun, Error> {
        within(self.begun).await.unwrap_or_else(|| Err(silence()))
    }
}

/// Takes the turn, and reads what others wrote after `after`, in one round trip. Nothing has
/// happened when it fails, so what passes is tried again, the first time at once: the connection
/// may have been cut while nobody used it.
pub(super) fn begin(
    connection: &WriterConnection,
    place: &Place,
    after: u64,
    known: Option<LastRecord>,
) -> Result<Begun, Error> {
    connection.run(async {
        let mut tries = 0;
        loop {
            tries += 1;
            let begun = match connection.pool.get().await {
                Ok(client) => Coming::new(Held::new(client), place, after, known).arrive().await,
                Err(error) => Err(error.into()),
            };
            match begun {
                Err(Error::Transient(why)) if tries < ATTEMPTS_MAX => {
                    tracing::debug!(why, tries, "a turn is asked for again");
                    if tries > 1 {
                        rest(RETRY_DELAY).await;
                    }
                }
                ended => return ended,
            }
        }
    })
}

/// Waits for a turn that was asked for. None when it does not come: then it is asked for anew.
pub(super) fn arrive(connection: &WriterConnection, coming: Coming) -> Option<Begun> {
    connection
        .run(coming.arrive())
        .inspect_err(|error| tracing::debug!(?error, "a turn that was asked for does not come"))
        .ok()
}

async fn lock_and_read(
    client: &PgClient,
    place: &Place,
    after: u64,
    known: Option<LastRecord>,
) -> Result<(u64, Vec<Record>, Option<LastRecord>), Error> {
    let sql = "SELECT first_seq, last_seq, at, events, group_id, head \
               FROM earmark.begin_turn($1, $2, $3, $4, $5)";
    let (after, [service, partition]) = (to_sql(after), place.values());
    let (first, group) = LastRecord::values(known);
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
    Ok((head, others.into_iter().map(record).collect(), last))
}

/// Gives the turn back; nothing was recorded.
pub(super) fn release(connection: &WriterConnection, turn: Turn) {
    connection.run(async move {
        let ended = within(turn.client.batch_execute("ROLLBACK")).await;
        if matches!(ended, Some(Ok(()))) {
            turn.client.give_back();
        }
    });
}

/// Appends and ends the turn, in one round trip. Where `asks` says so, the next turn is asked for
/// in the same breath.
pub(super) fn append(
    connection: &WriterConnection,
    place: &Place,
    turn: Turn,
    record: &Record,
    asks: bool,
) -> Result<(LastRecord, Option<Coming>), AppendError> {
    let group = RandomIds.next();
    let (first_seq, client) = (record.first_seq, turn.client);
    let known = LastRecord { first_seq, group };
    connection.run(async move {
        let next = || Coming::new(Arc::clone(&client), place, record.last_seq, Some(known));
        let mut coming = asks.then(next);
        let committing = insert_and_commit(&client, place, record, group);
        let committed = within(then_ask(committing, &mut coming)).await;
        let why = match committed {
            Some(Ok(())) => {
                if coming.is_none() {
                    client.give_back();
                }
                return Ok((known, coming));
            }
            Some(Err(Ended::Nothing(error))) => return Err(error.into()),
            Some(Err(Ended::Open(why))) => why,
            None => "the server does not answer".to_owned(),
        };
        drop((coming, client));
        tracing::warn!(why, "the connection was lost around a commit; the log is asked about it");
        find_out(&connection.pool, place, first_seq, group, &why).await.map(|()| (known, None))
    })
}

/// Waits for a commit, and asks for the next turn right behind it.
async fn then_ask<T>(committing: impl Future<Output = T>, coming: &mut Option<Coming>) -> T {
    let mut committing = pin!(committing);
    let mut is_asked = false;
    poll_fn(|context| {
        let committed = committing.as_mut().poll(context);
        if let Some(coming) = coming.as_mut().filter(|_| !is_asked) {
            is_asked = true;
            if let Poll::Ready(begun) = coming.begun.as_mut().poll(context) {
                coming.begun = Box::pin(ready(begun));
            }
        }
        committed
    })
    .await
}

/// How a commit that did not go well ended.
enum Ended {
    Nothing(Error),
    /// It may have come about.
    Open(String),
}

async fn insert_and_commit(
    client: &PgClient,
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
        (Ok(_), Ok(())) => Err(Ended::Nothing(Error::Permanent("the head has moved".to_owned()))),
        // ... or that the error had ended already.
        (Err(error), Ok(())) => Err(Ended::Nothing(error.into())),
        (Err(error), Err(_)) if is_refusal(&error) => Err(Ended::Nothing(error.into())),
        (_, Err(error)) => Err(Ended::Open(explain(&error))),
    }
}

/// Whether the server answered that a statement failed, and lives on: then it is not committed.
fn is_refusal(error: &PgError) -> bool {
    let db = error.as_db_error();
    db.is_some_and(|it| it.parsed_severity() == Some(Severity::Error))
        && error.code() != Some(&SqlState::TRANSACTION_RESOLUTION_UNKNOWN)
}

/// Asks the log whether a group is in it. The head is locked first: then the transaction that may
/// have written it has ended, one way or the other.
async fn find_out(
    pool: &Pool,
    place: &Place,
    first_seq: u64,
    group: Uuid,
    why: &str,
) -> Result<(), AppendError> {
    for _ in 0..ASKED_MAX {
        match asked(pool, place, first_seq, group).await {
            Ok(true) => return Ok(()),
            Ok(false) => return Err(AppendError::Failed(why.to_owned())),
            Err(error) => {
                tracing::debug!(why = error.text(), "the log is asked again about a commit");
                rest(RETRY_DELAY).await;
            }
        }
    }
    Err(AppendError::Unknown(format!("{why}; and the server cannot be asked what came of it")))
}

async fn asked(pool: &Pool, place: &Place, first_seq: u64, group: Uuid) -> Result<bool, Error> {
    let client = pool.get().await?;
    let answer = within(is_there(&client, place, first_seq, group)).await;
    // Whatever it is, it holds a lock or has had an error.
    discard(client);
    Ok(answer.ok_or_else(silence)??)
}

async fn is_there(
    client: &PgClient,
    place: &Place,
    first_seq: u64,
    group: Uuid,
) -> Result<bool, PgError> {
    let lock = "SELECT earmark.lock_head($1, $2)";
    let sql = "SELECT group_id FROM earmark.log \
               WHERE service = $1 AND partition = $2 AND first_seq = $3";
    let first = to_sql(first_seq);
    client.batch_execute(BEGIN).await?;
    client.query_typed_one(lock, &place.values()).await?;
    let [service, partition] = place.values();
    let found =
        client.query_typed_opt(sql, &[service, partition, (&first as _, Type::INT8)]).await?;
    client.batch_execute("ROLLBACK").await?;
    Ok(found.is_some_and(|row| row.get::<_, Uuid>(0) == group))
}
