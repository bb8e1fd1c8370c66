//! A writer's own connection, spoken over by its own thread: in a turn, which all others wait for,
//! no other thread has to be woken.

use std::ops::Deref;
use std::sync::Arc;

use deadpool_postgres::{Object, Pool};
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::Client as PgClient;

use super::client::{Client, discard};
use super::open_error::OpenError;

/// The connection of one partition's writer.
pub(super) struct WriterConnection {
    /// Moves only while somebody waits in [`WriterConnection::run`]. None once this is dropped.
    runtime: Option<Runtime>,
    /// Of one connection; it belongs to this runtime.
    pub(super) pool: Pool,
}

impl WriterConnection {
    pub(super) fn open(client: &Client) -> Result<Self, OpenError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime: Some(runtime), pool: client.connections(1) })
    }

    /// Waits for an answer, and does in this thread what there is to do for it.
    pub(super) fn run<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        let runtime = self.runtime.as_ref().expect("it goes with the connection");
        let work = async {
            let done = work.await;
            // A connection that was let go ends now, not with the next turn.
            tokio::task::yield_now().await;
            done
        };
        if Handle::try_current().is_err() {
            return runtime.block_on(work);
        }
        // Within somebody else's runtime nobody may wait like this.
        let waited = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join());
        waited.expect("a turn panicked, and nobody knows what it has done")
    }
}

impl Drop for WriterConnection {
    fn drop(&mut self) {
        // It may be dropped by a task, where nobody may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A connection in the middle of something: it ends when it is dropped, because nobody knows its
/// state, unless it is given back first.
pub(super) struct Held(Option<Object>);

impl Held {
    pub(super) fn new(object: Object) -> Arc<Self> {
        Arc::new(Self(Some(object)))
    }

    /// Nothing is open on it any more: others may have it, if nobody else holds it here.
    pub(super) fn give_back(self: Arc<Self>) {
        if let Some(mut held) = Arc::into_inner(self) {
            drop(held.0.take());
        }
    }
}

impl Deref for Held {
    type Target = PgClient;

    fn deref(&self) -> &PgClient {
        self.0.as_ref().expect("held until it is given back")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            discard(object);
        }
    }
}
