//! How a query is answered: at once, or later without holding a lock.

use crate::model::message::Query;
use crate::ports::log::StoreError;
use crate::views::reading::Reading;

/// How a query is answered.
pub(crate) type Answerer<Q> =
    dyn Fn(&Reading, Q) -> Result<Answer<<Q as Query>::Answer>, StoreError> + Send + Sync;

/// What takes long to tell, told when nothing is held any more.
pub type DeferredAnswer<T> = Box<dyn FnOnce() -> Result<T, StoreError> + Send>;

/// An answer, or how to come by it.
pub(crate) enum Answer<T> {
    Ready(T),
    Deferred(DeferredAnswer<T>),
}
