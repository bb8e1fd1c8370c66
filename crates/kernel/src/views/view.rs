//! Read models: what a service keeps of its events so that questions can be answered.

use std::any::Any;
use std::sync::Arc;

use crate::model::envelope::CommittedEvent;
use crate::model::kinds::KindIndex;
use crate::model::message::{Event, Recorded, Wire};
use crate::ports::log::StoreError;
use crate::ports::rows::RowStore;
use crate::views::table::{AnyTable, Table};

/// A view follows the events of one kind of aggregate and keeps rows of them.
///
/// It is derived: what it holds is always what the log says, and it can be deleted and built anew.
pub trait View: Send + Sync + 'static {
    /// The table's name, `[a-z_]+`.
    const NAME: &'static str;
    /// Counted up when the rows' shape or meaning changes: then they are derived anew.
    const VERSION: u32 = 1;
    /// Rows change again and again: those that changed of late are kept in memory.
    const CHANGES_OFTEN: bool = false;
    /// The events it follows.
    type Event: Event;
    /// What a row holds.
    type Row: Wire;

    /// Changes the rows as the event says.
    ///
    /// # Errors
    /// When rows that are needed cannot be read.
    fn apply(rows: &mut Table<Self::Row>, heard: &Recorded<Self::Event>) -> Result<(), StoreError>;
}

/// A view whose type is not known at compile time.
pub(crate) trait AnyView: Send + Sync {
    fn apply(&mut self, seq: u64, event: &CommittedEvent) -> Result<(), StoreError>;
    fn table(&mut self) -> &mut dyn AnyTable;
    fn as_any(&self) -> &dyn Any;
}

/// A view at work over its table.
pub(crate) struct Viewing<V: View> {
    pub(crate) kind: KindIndex,
    pub(crate) table: Table<V::Row>,
}

impl<V: View> Viewing<V> {
    pub(crate) fn boxed(kind: KindIndex, disk: Arc<dyn RowStore>) -> Box<dyn AnyView> {
        let table = Table::new(V::NAME, disk).changing_often(V::CHANGES_OFTEN);
        Box::new(Self { kind, table })
    }
}

impl<V: View> AnyView for Viewing<V> {
    fn apply(&mut self, seq: u64, it: &CommittedEvent) -> Result<(), StoreError> {
        if it.kind != self.kind {
            return Ok(());
        }
        let event = it.event.as_any().downcast_ref().expect("a kind has one type of event");
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
