//! A writer's own connection, driven by the writer's own thread: during a turn, which all other
//! writers wait for, no other thread has to wake up.

use deadpool_postgres::Pool;
use tokio::runtime::{Handle, Runtime};

use super::client::Client;
use super::open_error::OpenError;

/// The connection of one partition's writer.
pub(super) struct WriterConnection {
    /// Makes progress only during [`WriterConnection::run`]. None while this is dropped.
    runtime: Option<Runtime>,
    /// A pool of one connection, which belongs to this runtime.
    pub(super) pool: Pool,
}

impl WriterConnection {
    pub(super) fn open(client: &Client) -> Result<Self, OpenError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime: Some(runtime), pool: client.new_pool(1) })
    }

    /// Runs `work` on this thread until it is done.
    pub(super) fn run<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        let runtime = self.runtime.as_ref().expect("it is there until the connection is dropped");
        let work = async {
            let done = work.await;
            // A connection that was dropped closes now, not during the next turn.
            tokio::task::yield_now().await;
            done
        };
        if Handle::try_current().is_err() {
            return runtime.block_on(work);
        }
        // Blocking inside the runtime of a caller is not allowed.
        let waited = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join());
        waited.expect("a turn panicked; its state is unknown")
    }
}

impl Drop for WriterConnection {
    fn drop(&mut self) {
        // It may be dropped inside an async task, where blocking is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
