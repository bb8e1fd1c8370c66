//! One partition of a running service: its queue, its writer, what follows it, and how it opens.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::command_batch::InternalJob;
use crate::envelope::Committed;
use crate::kernel_event::KernelEvent;
use crate::lineage;
use crate::log::{LogStore, StoreError};
use crate::message::{Key, Meta};
use crate::problem::Failure;
use crate::projector::{FLUSH_AFTER_EVENTS, Projector};
use crate::queue::{NotTaken, Queue};
use crate::rows::{Changes, FlushBatch, RowStore};
use crate::service::Service;
use crate::timer;
use crate::writer::{GroupEnding, Job, Writer};

/// So many events are read from the log at a time while a partition opens.
const OPEN_WINDOW: u64 = 10_000;
/// A sweep wakes at most so many aggregates.
const SWEEP_MAX: usize = 256;
/// Where the rows say which tables they were derived for.
const SHAPE_TABLE: &str = "kernel_shape";

/// What a partition stores its log and its rows in.
#[derive(Clone)]
pub struct Stores {
    /// The log: the truth.
    pub log: Arc<dyn LogStore>,
    /// The rows: derived, may be empty.
    pub rows: Arc<dyn RowStore>,
}

/// How much a partition takes at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Commands that may wait; more are sent back.
    pub queue_commands: usize,
    /// Commands decided and committed together.
    pub group_commands: usize,
    /// Aggregates kept in memory.
    pub aggregates: usize,
    /// Events after which an aggregate is snapshotted, or half of all it ever had if that is more.
    pub snapshot_events: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_commands: 16_384,
            group_commands: 4_096,
            aggregates: 200_000,
            snapshot_events: 512,
        }
    }
}

pub(crate) struct Partition {
    pub(crate) service: Arc<Service>,
    pub(crate) index: usize,
    pub(crate) log: Arc<dyn LogStore>,
    pub(crate) log_id: String,
    pub(crate) projector: Arc<Projector>,
    pub(crate) queue: Queue,
    writer: Mutex<Writer>,
    halted: watch::Sender<Option<String>>,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl Partition {
    /// Opens a partition: the rows are brought to the log's head, from nothing where need be.
    pub(crate) fn open(
        service: &Arc<Service>,
        index: usize,
        stores: Stores,
        clock: &Arc<dyn Clock>,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        derive_anew_where_need_be(service, &stores)?;
        let head = stores.log.head()?;
        let projector = Arc::new(Projector::new(Arc::clone(service), &stores, limits)?);
        let behind = head.saturating_sub(projector.head());
        if behind > FLUSH_AFTER_EVENTS {
            tracing::info!(service = service.name, events = behind, "deriving views from the log");
        }
        while projector.head() < head {
            for record in stores.log.read_after(projector.head(), OPEN_WINDOW)? {
                projector.publish(Arc::new(Committed::read(record, &service.kinds)?));
            }
            projector.catch_up()?;
            if projector.unflushed() > FLUSH_AFTER_EVENTS {
                projector.flush()?;
            }
        }
        let writer = Writer::new(
            Arc::clone(service),
            Arc::clone(&stores.log),
            Arc::clone(&projector),
            Arc::clone(clock),
            limits.aggregates,
        )?;
        Ok(Self {
            service: Arc::clone(service),
            index,
            log_id: stores.log.id()?,
            log: stores.log,
            projector,
            queue: Queue::new(limits.queue_commands),
            writer: Mutex::new(writer),
            halted: watch::Sender::new(None),
            limits,
            clock: Arc::clone(clock),
        })
    }

    /// Gives a job to the writer; full and closed queues send it back before anything was done.
    pub(crate) fn submit(&self, job: Box<dyn Job>) -> Result<(), Failure> {
        self.queue.push(job).map_err(|not_taken| match not_taken {
            NotTaken::Full => Failure::Busy { retry_after_s: 1 },
            NotTaken::Closed => Failure::Stopping,
        })
    }

    /// Decides and commits the next group, if anything waits. Says whether something was done.
    pub(crate) fn write(&self) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever comes while it waits for its turn is of the group.
        let turn = writer.begin();
        let jobs = self.queue.take(writer.group_commands(self.limits.group_commands));
        writer.run(jobs, turn, &self.queue);
        if let Some(why) = writer.halted() {
            self.queue.close();
            self.halted.send_replace(Some(why.to_owned()));
        }
        true
    }

    /// The writer's thread ended by itself: nothing more is taken.
    pub(crate) fn halt(&self, why: &str) {
        self.queue.close();
        self.halted.send_replace(Some(why.to_owned()));
    }

    pub(crate) fn watch_halted(&self) -> watch::Receiver<Option<String>> {
        self.halted.subscribe()
    }

    /// Wakes aggregates whose timers rang; says how many. They are looked at in one group.
    pub(crate) async fn sweep(&self, meta: &Meta) -> Result<usize, Failure> {
        let due = timer::due(&*self.projector.read()?, self.clock.now(), SWEEP_MAX)?;
        if due.is_empty() {
            return Ok(0);
        }
        let not_loaded = Arc::new(Mutex::new(None));
        let (missed, meta) = (Arc::clone(&not_loaded), meta.clone());
        let ids: Vec<_> = due.iter().map(|it| (it.kind, it.key.clone())).collect();
        self.errand(move |writer| {
            for (kind, key) in &ids {
                if let Err(error) = writer.wake(*kind, key, &meta) {
                    *missed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            }
        })
        .await?;
        // The timers stay: they ring again.
        if let Some(error) = not_loaded.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error.into());
        }
        let mut materialized = self.projector.write()?;
        due.iter().for_each(|it| materialized.timers.delete(it.row.clone()));
        Ok(due.len())
    }

    /// Keeps how far a reader has come, in the log.
    pub(crate) async fn keep_cursor(
        &self,
        reader: &Key,
        through: u64,
        meta: Meta,
    ) -> Result<(), Failure> {
        let reader = reader.clone();
        self.errand(move |writer| {
            writer.record_own(&reader, &meta, KernelEvent::Read { through });
        })
        .await
    }

    /// Has the writer do something as part of a group.
    pub(crate) async fn errand(
        &self,
        run: impl FnMut(&mut Writer) + Send + 'static,
    ) -> Result<(), Failure> {
        match self.errand_to_its_end(run).await? {
            GroupEnding::Committed => Ok(()),
            GroupEnding::Failed(failure) => Err(failure),
            GroupEnding::Unknown(_) => Err(Failure::Stopping),
        }
    }

    /// The same; says how its group ended.
    pub(crate) async fn errand_to_its_end(
        &self,
        run: impl FnMut(&mut Writer) + Send + 'static,
    ) -> Result<GroupEnding, Failure> {
        let (reply, answer) = oneshot::channel();
        self.submit(Box::new(InternalJob { run: Box::new(run), reply }))?;
        let ended = || GroupEnding::Unknown("the writer ended before it answered".into());
        Ok(answer.await.unwrap_or_else(|_| ended()))
    }
}

/// Rows of another log, of one that went on another way, or of other tables are of no use.
fn derive_anew_where_need_be(service: &Service, stores: &Stores) -> Result<(), StoreError> {
    let views = service.views.iter().map(|it| format!("{}:{}", it.name, it.version));
    let kinds = service.kinds.aggregates().map(|(_, it)| format!("{}:{}", it.name, it.version));
    let parts: Vec<String> = views.chain(kinds).chain([stores.log.id()?]).collect();
    let shape = format!("\"{}\"", parts.join(" "));
    let known = stores.rows.row(SHAPE_TABLE, service.name)?;
    if known.as_deref() == Some(&shape) && lineage::is_in_log(service.name, stores)? {
        return Ok(());
    }
    stores.rows.clear()?;
    let changes = Box::new(vec![(service.name, Some(shape))]);
    let tables = vec![(SHAPE_TABLE.to_owned(), changes as Box<dyn Changes>)];
    stores.rows.flush(&FlushBatch { through_seq: 0, tables })
}
