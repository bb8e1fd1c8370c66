//! Time limits of requests, and connections that are closed unless their state is known.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use tokio_postgres::Client as PgClient;

use super::error::Error;

/// The longest wait for a response of the server.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Waits for a response of the server; fails with [`Error::Transient`] after 30 s.
pub(super) async fn with_timeout<T>(response: impl Future<Output = T>) -> Result<T, Error> {
    let response = tokio::time::timeout(RESPONSE_TIMEOUT, response).await;
    response.map_err(|_| Error::Transient("the server does not respond".to_owned()))
}

/// Closes a connection instead of returning it to its pool, because its state is not known.
pub(super) fn close(object: Object) {
    drop(Object::take(object));
}

/// A connection in the middle of a transaction. It is closed when it is dropped, unless it was
/// returned to its pool before.
pub(super) struct BusyConnection(Option<Object>);

impl BusyConnection {
    pub(super) fn new(object: Object) -> Arc<Self> {
        Arc::new(Self(Some(object)))
    }

    /// The transaction has ended: returns the connection to its pool, unless it is still shared.
    pub(super) fn return_to_pool(self: Arc<Self>) {
        if let Some(mut connection) = Arc::into_inner(self) {
            drop(connection.0.take());
        }
    }
}

impl Deref for BusyConnection {
    type Target = PgClient;

    fn deref(&self) -> &PgClient {
        self.0.as_ref().expect("it is there until it is returned")
    }
}

impl Drop for BusyConnection {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            close(object);
        }
    }
}
