//! One partition of a running service: how it opens, its queue, its writer and its projector.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{oneshot, watch};

use crate::model::envelope::Committed;
use crate::model::kernel_event::KernelEvent;
use crate::model::limits::Limits;
use crate::model::message::{Key, Meta};
use crate::model::outcome::Failure;
use crate::ports::clock::Clock;
use crate::ports::log::{LogStore, StoreError};
use crate::ports::rows::{Changes, FlushBatch};
use crate::ports::stores::Stores;
use crate::views::backpressure::FLUSH_AFTER_EVENTS;
use crate::views::lineage;
use crate::views::log_schema::LogSchema;
use crate::views::projector::Projector;
use crate::views::timer;
use crate::write::command_batch::InternalJob;
use crate::write::queue::{PushError, Queue};
use crate::write::writer::{GroupOutcome, Job, Writer};

/// Events read per batch while a partition opens.
const OPEN_BATCH_EVENTS: u64 = 10_000;
/// Maximum number of timers handled by one sweep.
const SWEEP_TIMERS_MAX: usize = 256;
/// The table with the names and versions of the views and aggregates that the rows were derived
/// for.
const SHAPE_TABLE: &str = "kernel_shape";

pub(crate) struct Partition {
    pub(crate) schema: Arc<LogSchema>,
    pub(crate) index: usize,
    pub(crate) log: Arc<dyn LogStore>,
    pub(crate) log_id: String,
    pub(crate) projector: Arc<Projector>,
    pub(crate) queue: Queue<dyn Job>,
    writer: Mutex<Writer>,
    halted: watch::Sender<Option<String>>,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl Partition {
    /// Opens a partition and brings its rows up to the log's head. Stale rows are rebuilt.
    ///
    /// # Errors
    /// When the log or the rows cannot be read or written.
    pub(crate) fn open(
        schema: &Arc<LogSchema>,
        index: usize,
        stores: Stores,
        clock: &Arc<dyn Clock>,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        rederive_if_stale(schema, &stores)?;
        let head = stores.log.head()?;
        let projector = Arc::new(Projector::new(Arc::clone(schema), &stores, limits)?);
        let behind = head.saturating_sub(projector.head());
        if behind > FLUSH_AFTER_EVENTS {
            tracing::info!(
                service = schema.service,
                events = behind,
                "building views from the log"
            );
        }
        while projector.head() < head {
            let records = stores.log.read_after(projector.head(), OPEN_BATCH_EVENTS)?;
            if records.is_empty() {
                let end = projector.head();
                return Err(StoreError(format!(
                    "the log of {} ends at {end}, but its head says {head}: events are missing; \
                     restore a backup",
                    schema.service
                )));
            }
            for record in records {
                projector.publish(Arc::new(Committed::read(record, &schema.kinds)?));
            }
            projector.catch_up()?;
            if projector.unflushed() > FLUSH_AFTER_EVENTS {
                projector.flush()?;
            }
        }
        let writer = Writer::new(
            Arc::clone(schema),
            Arc::clone(&stores.log),
            Arc::clone(&projector),
            Arc::clone(clock),
            limits.aggregates,
        )?;
        Ok(Self {
            schema: Arc::clone(schema),
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

    /// Queues a job for the writer.
    ///
    /// # Errors
    /// When the queue is full or closed; nothing was done then.
    pub(crate) fn submit(&self, job: Box<dyn Job>) -> Result<(), Failure> {
        self.queue.push(job).map_err(|error| match error {
            PushError::Full => Failure::Busy { retry_after_s: 1 },
            PushError::Closed => Failure::Stopping,
        })
    }

    /// Decides and commits the next group, if a job is queued. Returns whether there was one.
    pub(crate) fn write(&self) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // Jobs that arrive while the writer waits for its turn are part of the group.
        let turn = writer.begin();
        let jobs = self.queue.take(writer.group_commands(self.limits.group_commands));
        writer.run(jobs, turn, &self.queue);
        if let Some(why) = writer.halted() {
            self.queue.close();
            self.halted.send_replace(Some(why.to_owned()));
        }
        true
    }

    /// Closes the queue because the writer cannot continue.
    pub(crate) fn halt(&self, why: &str) {
        self.queue.close();
        self.halted.send_replace(Some(why.to_owned()));
    }

    pub(crate) fn watch_halted(&self) -> watch::Receiver<Option<String>> {
        self.halted.subscribe()
    }

    /// Runs the `before_each` hooks of the aggregates whose timers are due, in one group. Returns
    /// the number of timers.
    pub(crate) async fn sweep(&self, meta: &Meta) -> Result<usize, Failure> {
        let due = timer::due(&self.projector.read()?.timers, self.clock.now(), SWEEP_TIMERS_MAX)?;
        if due.is_empty() {
            return Ok(0);
        }
        let load_error = Arc::new(Mutex::new(None));
        let (error_slot, meta) = (Arc::clone(&load_error), meta.clone());
        let ids: Vec<_> = due.iter().map(|it| (it.kind, it.key.clone())).collect();
        self.run_job(move |writer| {
            for (kind, key) in &ids {
                if let Err(error) = writer.run_timer(*kind, key, &meta) {
                    *error_slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            }
        })
        .await?;
        // The timers stay in the table and the next sweep retries them.
        if let Some(error) = load_error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error.into());
        }
        let mut materialized = self.projector.write()?;
        due.iter().for_each(|it| materialized.timers.delete(it.row.clone()));
        Ok(due.len())
    }

    /// Saves in the log through which sequence number a reader has processed its source.
    pub(crate) async fn save_cursor(
        &self,
        reader: &Key,
        through: u64,
        meta: Meta,
    ) -> Result<(), Failure> {
        let reader = reader.clone();
        self.run_job(move |writer| {
            writer.record_kernel_event(&reader, &meta, KernelEvent::Read { through });
        })
        .await
    }

    /// Runs a job on the writer, as part of a group.
    pub(crate) async fn run_job(
        &self,
        run: impl FnMut(&mut Writer) + Send + 'static,
    ) -> Result<(), Failure> {
        match self.run_job_for_outcome(run).await? {
            GroupOutcome::Committed => Ok(()),
            GroupOutcome::Failed(failure) => Err(failure),
            GroupOutcome::Unknown(_) => Err(Failure::Stopping),
        }
    }

    /// Like [`Partition::run_job`]; returns how the group ended.
    pub(crate) async fn run_job_for_outcome(
        &self,
        run: impl FnMut(&mut Writer) + Send + 'static,
    ) -> Result<GroupOutcome, Failure> {
        let (reply, answer) = oneshot::channel();
        self.submit(Box::new(InternalJob { run: Box::new(run), reply }))?;
        let stopped = || GroupOutcome::Unknown("the writer stopped before it answered".into());
        Ok(answer.await.unwrap_or_else(|_| stopped()))
    }
}

/// Clears rows that cannot be used: those of another log, of a diverged log, or of other views or
/// aggregates than the schema has.
fn rederive_if_stale(schema: &LogSchema, stores: &Stores) -> Result<(), StoreError> {
    let views = schema.views.iter().map(|it| format!("{}:{}", it.name, it.version));
    let kinds = schema.kinds.aggregates().map(|(_, it)| format!("{}:{}", it.name, it.version));
    let parts: Vec<String> = views.chain(kinds).chain([stores.log.id()?]).collect();
    let shape = format!("\"{}\"", parts.join(" "));
    let stored = stores.rows.row(SHAPE_TABLE, schema.service)?;
    if stored.as_deref() == Some(&shape) && lineage::is_in_log(schema.service, stores)? {
        return Ok(());
    }
    stores.rows.clear()?;
    let changes = Box::new(vec![(schema.service, Some(shape))]);
    let tables = vec![(SHAPE_TABLE.to_owned(), changes as Box<dyn Changes>)];
    stores.rows.flush(&FlushBatch { through_seq: 0, tables })
}
