//! The entries of effects: operations that become due, and calls to external systems.

use std::sync::Arc;

use crate::bus::routes::{Effect, Place};
use crate::bus::sending::Bus;
use crate::model::message::{Command, Key, Wire};
use crate::model::operation::DueOperation;
use crate::model::outcome::{Failure, NotDone};
use crate::ports::adapter::{Adapter, CallFailed};
use crate::ports::log::StoreError;
use crate::table::procedure::ProcedureContext;
use crate::table::service::{Service, function_name};
use crate::views::reading::Reading;

impl Service {
    /// Adds an effect: whatever must be finished, even after a crash. Its operations are carried
    /// out by the [`crate::EffectWorker`] of each partition. The name never changes.
    ///
    /// `due` returns the operations of one partition that are due at [`Reading::now`], earliest
    /// first, at most the given number. Its reading holds only that partition. `run` carries one of
    /// them out by commands that make it no longer due or due later. An operation may be run more
    /// than once, by two workers at a time too, so the commands must be harmless when they are
    /// repeated. An operation that is still due as it was after a run, or whose run failed, is run
    /// again after [`crate::backoff_ms`].
    #[must_use]
    pub fn effect<D, R, Fut>(mut self, name: &'static str, due: D, run: R) -> Self
    where
        D: Fn(&Reading<'_>, usize) -> Result<Vec<DueOperation>, StoreError> + Send + Sync + 'static,
        R: Fn(ProcedureContext, DueOperation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let run = move |bus: Bus, place: Place, operation: DueOperation| {
            let context = ProcedureContext::of_operation(bus, place.service, &operation.id);
            Box::pin(run(context, operation)) as _
        };
        let (by, commands) = (function_name::<R>(), Vec::new());
        self.effects.push(Effect { name, by, commands, due: Box::new(due), run: Box::new(run) });
        self
    }

    /// Adds an effect whose operations are calls to an external system. The name never changes.
    ///
    /// `due` is as for [`Service::effect`]. For each due operation the kernel
    /// 1. asks `describe` for the call, as plain data; `None` if it need not be made any more;
    /// 2. sends the command that `begin` returns for the next attempt. The aggregate refuses it
    ///    unless the operation is open and the attempt's number is the next. If it is refused,
    ///    another worker has begun the attempt, and no call is made;
    /// 3. makes the call, with the operation's id as the external system's idempotency key;
    /// 4. sends the command that `answered` returns, with the answer or why there is none. The
    ///    aggregate decides whether the operation is finished or due again. The answer may arrive
    ///    late, when a newer attempt was begun: then the aggregate refuses it or records nothing,
    ///    unless it finishes the operation.
    ///
    /// An attempt that was begun and not answered is due again [`crate::ATTEMPT_WAIT_MS`] after it
    /// was begun, never earlier. Until then another worker may be waiting for its answer.
    #[must_use]
    pub fn calls<C, A, B, N, D, E, F, G>(
        mut self,
        name: &'static str,
        due: D,
        describe: E,
        begin: F,
        adapter: Arc<dyn Adapter<C, A>>,
        answered: G,
    ) -> Self
    where
        C: Wire,
        A: Wire,
        B: Command,
        N: Command,
        D: Fn(&Reading<'_>, usize) -> Result<Vec<DueOperation>, StoreError> + Send + Sync + 'static,
        E: Fn(&Reading<'_>, &Key) -> Result<Option<C>, StoreError> + Send + Sync + 'static,
        F: Fn(&Key, u32) -> B + Send + Sync + 'static,
        G: Fn(&Key, u32, Result<A, CallFailed>) -> N + Send + Sync + 'static,
    {
        let functions = Arc::new((describe, begin, answered));
        let run = move |bus: Bus, place: Place, operation: DueOperation| {
            let (functions, adapter) = (Arc::clone(&functions), Arc::clone(&adapter));
            Box::pin(async move {
                let DueOperation { id, attempt, .. } = operation;
                let ((describe, begin, answered), attempt) = (&*functions, attempt + 1);
                let Some(call) = describe(&bus.reading_of(place)?, &id)? else { return Ok(()) };
                let context = ProcedureContext::of_operation(bus, place.service, &id);
                if !is_done(name, &id, context.send("begin", begin(&id, attempt)).await)? {
                    return Ok(());
                }
                let answer = adapter.call(&id, attempt, call).await;
                is_done(name, &id, context.send("answered", answered(&id, attempt, answer)).await)?;
                Ok(())
            }) as _
        };
        let (by, commands) = (function_name::<E>(), vec![B::NAME, N::NAME]);
        self.effects.push(Effect { name, by, commands, due: Box::new(due), run: Box::new(run) });
        self
    }
}

/// Whether a command of an attempt was done; `false` if it was refused, which is normal if another
/// worker has taken over or the operation has ended.
fn is_done<A, R: std::fmt::Display>(
    effect: &'static str,
    id: &Key,
    ending: Result<A, NotDone<R>>,
) -> Result<bool, Failure> {
    match ending {
        Ok(_) => Ok(true),
        Err(NotDone::Refused(refusal)) => {
            tracing::info!(effect, %id, %refusal, "a command of an attempt was refused");
            Ok(false)
        }
        Err(NotDone::Failed(failure)) => Err(failure),
        // The writer has stopped; after the restart the log tells what was committed.
        Err(NotDone::Unknown(_)) => Err(Failure::Stopping),
    }
}
