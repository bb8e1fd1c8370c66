//! A lease: the right to a work that only one process may do at a time, kept while it is done.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::bus::sending::Bus;
use crate::model::outcome::Failure;
use crate::ports::clock::Stopwatch;
use crate::ports::log::StoreError;
use crate::write::partition::Partition;

/// Who is not heard of for so long has ended: another process may do its work.
const LEASE_DURATION: Duration = Duration::from_secs(10);
/// It is kept this often, so that it is never near its end while something is done.
pub(crate) const LEASE_RENEW_INTERVAL: Duration = Duration::from_secs(3);

/// A work that only one process may do at a time, on one partition of a service.
pub struct Lease {
    partition: Arc<Partition>,
    work: String,
    holder: Uuid,
    /// Since it was asked for and given.
    held: Option<Stopwatch>,
}

impl Bus {
    /// The lease on a work; nobody has asked for it yet.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn lease(&self, service: &str, partition: usize, work: &str) -> Result<Lease, Failure> {
        let partition = Arc::clone(self.partition(service, partition)?);
        Ok(Lease { partition, work: work.to_owned(), holder: self.new_id(), held: None })
    }
}

impl Lease {
    /// Whether this process has it, for some seconds from now: asks where that is not known.
    ///
    /// # Errors
    /// When the storage cannot be asked: then nobody may go on with the work.
    pub fn has(&mut self) -> Result<bool, StoreError> {
        if self.held.as_ref().is_some_and(|it| it.seconds() < LEASE_RENEW_INTERVAL.as_secs_f64()) {
            return Ok(true);
        }
        self.held = None;
        let asked = Stopwatch::start();
        let is_given = self.partition.log.lease(&self.work, self.holder, LEASE_DURATION)?;
        self.held = is_given.then_some(asked);
        Ok(is_given)
    }

    /// Whether it was given when it was asked for last.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }
}
