//! The answer of a query: computed immediately, or later without holding a lock.

use crate::model::message::Query;
use crate::ports::log::StoreError;
use crate::views::reading::Reading;

/// The function that answers a query.
pub(crate) type Answerer<Q> =
    dyn Fn(&Reading, Q) -> Result<Answer<<Q as Query>::Answer>, StoreError> + Send + Sync;

/// Computes an answer that takes long; called after all locks are released.
pub type DeferredAnswer<T> = Box<dyn FnOnce() -> Result<T, StoreError> + Send>;

/// An answer, or the function that computes it.
pub(crate) enum Answer<T> {
    Ready(T),
    Deferred(DeferredAnswer<T>),
}
