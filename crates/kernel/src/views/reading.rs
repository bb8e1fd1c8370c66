//! Reading: what a query sees of a service's partitions, all as of the head when it arrived.

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
use crate::views::view::{View, Viewing};

/// The views of a service, as of the moment a question arrived.
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
    /// What happened.
    pub event: E,
}

impl Reading<'_> {
    /// The moment the question arrived.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// A row of a view.
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

    /// The rows whose keys begin with `prefix` and come after `after`, in order of their keys, at
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

    /// An aggregate as it is.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn aggregate<A: Aggregate>(&self, key: &str) -> Result<Recorder<A>, StoreError> {
        let kind = self.schema.kinds.index_of::<A>();
        typed(self.state_of(key).streams().load(kind, &key.into())?.as_mut())
    }

    /// What has happened to an aggregate until this moment, to be told without holding others up.
    #[must_use]
    pub fn past<A: Aggregate>(&self, key: &str) -> History<A> {
        let kind = self.schema.kinds.index_of::<A>();
        let stream = self.state_of(key).streams().stream(kind, &key.into());
        History { stream, key: key.into(), aggregate: PhantomData }
    }

    /// The materialized of the partition that a key of an aggregate belongs to.
    fn state_of(&self, key: &str) -> &MaterializedState {
        &self.states[crate::model::partitioning::partition_of(key, self.states.len())]
    }

    fn table<'s, V: View>(
        &self,
        materialized: &'s MaterializedState,
    ) -> &'s crate::views::table::Table<V::Row> {
        let of_type =
            |it: &crate::views::log_schema::ViewEntry| it.view_type == std::any::TypeId::of::<V>();
        let place = self.schema.views.iter().position(of_type);
        let place =
            place.unwrap_or_else(|| panic!("{} has no view {}", self.schema.service, V::NAME));
        let view = materialized.views[place].as_any().downcast_ref::<Viewing<V>>();
        &view.expect("views stand in the table's order").table
    }
}

/// The past of one aggregate: read from the disk, however long it takes, while others go on.
pub struct History<A> {
    stream: Stream,
    key: Key,
    aggregate: PhantomData<fn() -> A>,
}

impl<A: Aggregate> History<A> {
    /// What happened after `after`, oldest first, at most `limit` events.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn history(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PastEvent<A::Event>>, StoreError> {
        let happened = |it: crate::views::stream::StreamEvent| {
            let event = serde_json::from_str(&it.envelope).map_err(|e| {
                StoreError(format!("an event of {:?} cannot be read: {e}", self.key))
            })?;
            Ok(PastEvent { seq: it.seq, at: it.at, causation: causation(&it.envelope)?, event })
        };
        self.stream.events(after, limit)?.into_iter().map(happened).collect()
    }

    /// The aggregate as it was when the event `through` had happened.
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
