//! The read access of a query to all partitions of a service, as of the time when it arrived.

use std::marker::PhantomData;
use std::sync::RwLockReadGuard;

use uuid::Uuid;

use crate::model::aggregate::{Aggregate, Recorder};
use crate::model::message::Key;
use crate::ports::clock::UnixMillis;
use crate::ports::log::StoreError;
use crate::views::log_schema::LogSchema;
use crate::views::materialized_state::MaterializedState;
use crate::views::stream::{Stream, causation};
use crate::views::view::{BoundView, View};

/// The views of a service as of the time when a query arrived.
pub struct Reading<'a> {
    pub(crate) schema: &'a LogSchema,
    pub(crate) states: Vec<RwLockReadGuard<'a, MaterializedState>>,
    pub(crate) now: UnixMillis,
}

/// One event of an aggregate's history.
#[derive(Clone, Debug)]
pub struct PastEvent<E> {
    /// Its sequence number in its partition.
    pub seq: u64,
    /// When it was decided.
    pub at: UnixMillis,
    /// The id of the command that caused it.
    pub causation: Uuid,
    /// The event.
    pub event: E,
}

impl Reading<'_> {
    /// The time when the query arrived.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// The row of a view under `key`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn get<V: View>(&self, key: &str) -> Result<Option<V::Row>, StoreError> {
        for materialized in &self.states {
            if let Some(row) = self.table::<V>(materialized).get(key)? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The rows whose keys begin with `prefix` and are greater than `after`, ordered by key, at
    /// most `limit`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn scan<V: View>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, V::Row)>, StoreError> {
        let mut rows = Vec::new();
        for materialized in &self.states {
            rows.extend(self.table::<V>(materialized).scan(prefix, after, limit)?);
        }
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        rows.truncate(limit);
        Ok(rows)
    }

    /// The current state of an aggregate.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn aggregate<A: Aggregate>(&self, key: &str) -> Result<Recorder<A>, StoreError> {
        let kind = self.schema.kinds.index_of::<A>();
        typed(self.state_of(key).streams().load(kind, &key.into())?.as_mut())
    }

    /// The history of an aggregate until now, which can be read later without holding a lock.
    #[must_use]
    pub fn past<A: Aggregate>(&self, key: &str) -> History<A> {
        let kind = self.schema.kinds.index_of::<A>();
        let stream = self.state_of(key).streams().stream(kind, &key.into());
        History { stream, key: key.into(), aggregate: PhantomData }
    }

    /// The state of the partition that an aggregate's key belongs to.
    fn state_of(&self, key: &str) -> &MaterializedState {
        &self.states[crate::model::partitioning::partition_of(key, self.states.len())]
    }

    fn table<'s, V: View>(
        &self,
        materialized: &'s MaterializedState,
    ) -> &'s crate::views::table::Table<V::Row> {
        let of_type =
            |it: &crate::views::log_schema::ViewEntry| it.view_type == std::any::TypeId::of::<V>();
        let index = self.schema.views.iter().position(of_type);
        let index =
            index.unwrap_or_else(|| panic!("{} has no view {}", self.schema.service, V::NAME));
        let view = materialized.views[index].as_any().downcast_ref::<BoundView<V>>();
        &view.expect("views have the order of the table").table
    }
}

/// The history of one aggregate. Reading it may take long; it holds no locks.
pub struct History<A> {
    stream: Stream,
    key: Key,
    aggregate: PhantomData<fn() -> A>,
}

impl<A: Aggregate> History<A> {
    /// The events after the sequence number `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn history(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PastEvent<A::Event>>, StoreError> {
        let to_past_event = |it: crate::views::stream::StreamEvent| {
            let event = serde_json::from_str(&it.envelope).map_err(|e| {
                StoreError(format!("an event of {:?} cannot be read: {e}", self.key))
            })?;
            Ok(PastEvent { seq: it.seq, at: it.at, causation: causation(&it.envelope)?, event })
        };
        self.stream.events(after, limit)?.into_iter().map(to_past_event).collect()
    }

    /// The aggregate as it was after the event with the sequence number `through`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn aggregate_at(&self, through: u64) -> Result<Recorder<A>, StoreError> {
        typed(self.stream.load(through)?.recorder.as_mut())
    }
}

fn typed<A: Aggregate>(
    recorder: &mut dyn crate::model::aggregate::AnyRecorder,
) -> Result<Recorder<A>, StoreError> {
    let recorder: Option<&mut Recorder<A>> = recorder.as_any().downcast_mut();
    recorder.cloned().ok_or_else(|| StoreError("an aggregate of another kind".into()))
}
