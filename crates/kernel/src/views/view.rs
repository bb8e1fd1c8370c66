//! Views: rows that are derived from events to answer queries.

use std::any::Any;
use std::sync::Arc;

use crate::model::envelope::CommittedEvent;
use crate::model::kinds::KindIndex;
use crate::model::message::{Event, Recorded, Wire};
use crate::ports::log::StoreError;
use crate::ports::rows::RowStore;
use crate::views::table::{AnyTable, Table};

/// A view derives rows from the events of one kind of aggregate.
///
/// Its rows depend on the log alone, so they can be deleted and rebuilt at any time.
pub trait View: Send + Sync + 'static {
    /// The table's name, `[a-z_]+`.
    const NAME: &'static str;
    /// Incremented when the rows' shape or meaning changes; the rows are then rebuilt.
    const VERSION: u32 = 1;
    /// Set if the same rows change often: recently changed rows then stay in memory.
    const CHANGES_OFTEN: bool = false;
    /// The events that it applies.
    type Event: Event;
    /// The type of a row.
    type Row: Wire;

    /// Applies an event to the rows.
    ///
    /// # Errors
    /// When a row cannot be read. The view is then rebuilt.
    fn apply(
        rows: &mut Table<Self::Row>,
        recorded: &Recorded<Self::Event>,
    ) -> Result<(), StoreError>;
}

/// A view whose type is erased.
pub(crate) trait AnyView: Send + Sync {
    fn apply(&mut self, seq: u64, event: &CommittedEvent) -> Result<(), StoreError>;
    fn table(&mut self) -> &mut dyn AnyTable;
    fn as_any(&self) -> &dyn Any;
}

/// A view together with its table.
pub(crate) struct BoundView<V: View> {
    pub(crate) kind: KindIndex,
    pub(crate) table: Table<V::Row>,
}

impl<V: View> BoundView<V> {
    pub(crate) fn boxed(kind: KindIndex, disk: Arc<dyn RowStore>) -> Box<dyn AnyView> {
        let table = Table::new(V::NAME, disk).changing_often(V::CHANGES_OFTEN);
        Box::new(Self { kind, table })
    }
}

impl<V: View> AnyView for BoundView<V> {
    fn apply(&mut self, seq: u64, it: &CommittedEvent) -> Result<(), StoreError> {
        if it.kind != self.kind {
            return Ok(());
        }
        let event = it.event.as_any().downcast_ref().expect("all events of a kind have one type");
        let (at, causation) = (it.at, it.causation);
        V::apply(&mut self.table, &Recorded { seq, at, key: &it.key, causation, event })
    }
    fn table(&mut self) -> &mut dyn AnyTable {
        &mut self.table
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
