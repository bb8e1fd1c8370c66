//! Leases: the exclusive right of one process to do a job, renewed while it does it.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::bus::sending::Bus;
use crate::model::operation::ATTEMPT_WAIT_MS;
use crate::model::outcome::Failure;
use crate::ports::clock::Stopwatch;
use crate::ports::log::StoreError;
use crate::write::partition::Partition;

/// A lease that was not renewed for this long expires, and another process may take the job.
const LEASE_DURATION: Duration = Duration::from_millis(ATTEMPT_WAIT_MS.unsigned_abs());
/// How often the holder renews its lease; well below [`LEASE_DURATION`].
pub(crate) const LEASE_RENEW_INTERVAL: Duration = Duration::from_secs(3);

/// The lease of a job on one partition of a service, which only one process may do at a time.
pub struct Lease {
    partition: Arc<Partition>,
    job: String,
    holder: Uuid,
    /// Measures the time since the last successful request; `None` if the lease is not held.
    held: Option<Stopwatch>,
}

impl Bus {
    /// The lease of a job. It is not acquired yet.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn lease(&self, service: &str, partition: usize, job: &str) -> Result<Lease, Failure> {
        let partition = Arc::clone(self.partition(service, partition)?);
        Ok(Lease::of(partition, job.to_owned(), self.new_id()))
    }
}

impl Lease {
    /// The lease of a job for one holder, whose id no other holder has.
    pub(crate) fn of(partition: Arc<Partition>, job: String, holder: Uuid) -> Self {
        Self { partition, job, holder, held: None }
    }

    /// Whether this process holds the lease for at least 7 seconds from now. Acquires or renews it
    /// if the last renewal is older than 3 seconds.
    ///
    /// # Errors
    /// When the storage cannot be reached. The job must not continue then.
    pub fn has(&mut self) -> Result<bool, StoreError> {
        if self.held.as_ref().is_some_and(|it| it.seconds() < LEASE_RENEW_INTERVAL.as_secs_f64()) {
            return Ok(true);
        }
        self.held = None;
        let requested = Stopwatch::start();
        let is_granted = self.partition.log.lease(&self.job, self.holder, LEASE_DURATION)?;
        self.held = is_granted.then_some(requested);
        Ok(is_granted)
    }

    /// Whether the last request was granted.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }
}
