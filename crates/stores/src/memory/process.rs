//! The process that a handle belongs to: after a crash, the handles of the old process fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use earmark_kernel::log::StoreError;

/// Identifies a process; valid until the storage crashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    current: Arc<AtomicU64>,
    own: u64,
}

impl Process {
    /// Ends this and every other process on the storage and begins the next one.
    pub(super) fn replaced(&self) -> Self {
        let own = self.current.fetch_add(1, Ordering::SeqCst) + 1;
        Self { current: Arc::clone(&self.current), own }
    }

    /// Fails if this process has ended.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.current.load(Ordering::SeqCst) == self.own {
            return Ok(());
        }
        Err(StoreError("this process has crashed; only its successor may use the storage".into()))
    }
}
