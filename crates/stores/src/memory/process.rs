//! Which process a handle belongs to: after a crash, the handles of the dead one do nothing more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use earmark_kernel::log::StoreError;

/// A handle's ticket: valid until the storage crashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    living: Arc<AtomicU64>,
    own: u64,
}

impl Process {
    /// Ends this and every other process on the storage and begins the next one.
    pub(super) fn replaced(&self) -> Self {
        let own = self.living.fetch_add(1, Ordering::SeqCst) + 1;
        Self { living: Arc::clone(&self.living), own }
    }

    /// Refuses what a dead process still asks for.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.living.load(Ordering::SeqCst) == self.own {
            return Ok(());
        }
        Err(StoreError("this process has crashed; only its successor may use the storage".into()))
    }
}
