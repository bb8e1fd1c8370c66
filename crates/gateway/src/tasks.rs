//! Work that outlives the one who asked for it: the seam through which tasks come in.

use std::any::Any;
use std::fmt::{self, Display, Formatter};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinError, JoinHandle};

/// Starts tasks, and knows when all of them have ended.
#[derive(Clone)]
pub(crate) struct Tasks {
    /// Every task holds a clone; when all are gone, the receiver sees the end.
    alive: Arc<mpsc::Sender<()>>,
}

impl Tasks {
    pub(crate) fn new() -> (Self, AllEnded) {
        let (alive, ended) = mpsc::channel(1);
        let alive = Arc::new(alive);
        (Self { alive }, AllEnded(ended))
    }

    /// Starts what goes on to its end, whether somebody waits for it or not.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the seam through which the edge starts tasks"
    )]
    pub(crate) fn detach<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let alive = Arc::clone(&self.alive);
        tokio::spawn(async move {
            let ended = work.await;
            drop(alive);
            ended
        })
    }

    /// Starts what ends when nobody waits for it any more.
    pub(crate) fn attend<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Attended<T> {
        let task = self.detach(work);
        let abort = Aborts(task.abort_handle());
        Attended { task, _abort: abort }
    }

    /// Work that goes on to its end, whether somebody waits for it or not: a task is started for
    /// it only when nobody does any more.
    pub(crate) fn carry<F: Work>(&self, work: Pin<Box<F>>) -> DetachOnDrop<F> {
        DetachOnDrop { work: Some(work), tasks: self.clone() }
    }

    /// Runs what may block on a thread that may.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the seam through which the edge starts tasks"
    )]
    pub(crate) fn block<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        tokio::task::spawn_blocking(work)
    }
}

/// Sees the end of all tasks, once [`Tasks`] itself and its clones are gone.
pub(crate) struct AllEnded(mpsc::Receiver<()>);

impl AllEnded {
    pub(crate) async fn wait(&mut self) {
        while self.0.recv().await.is_some() {}
    }
}

/// A task that is cut off when this is dropped.
pub(crate) struct Attended<T> {
    task: JoinHandle<T>,
    _abort: Aborts,
}

impl<T> Future for Attended<T> {
    type Output = Result<T, JoinError>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(context)
    }
}

struct Aborts(AbortHandle);

impl Drop for Aborts {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What can go on as a task of its own.
pub(crate) trait Work: Future<Output: Send + 'static> + Send + 'static {}

impl<F: Future<Output: Send + 'static> + Send + 'static> Work for F {}

/// Work that is done by whoever waits for it, and by a task of its own when nobody does any more.
pub(crate) struct DetachOnDrop<F: Work> {
    /// None: it has ended.
    work: Option<Pin<Box<F>>>,
    tasks: Tasks,
}

impl<F: Work> Future for DetachOnDrop<F> {
    type Output = Result<F::Output, Broke>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let work = self.work.as_mut().expect("what has ended is not asked again");
        let polled = poll_caught(work.as_mut(), context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<F: Work> Drop for DetachOnDrop<F> {
    fn drop(&mut self) {
        // Without a runtime the process ends.
        if let (Some(work), Ok(_)) = (self.work.take(), Handle::try_current()) {
            drop(self.tasks.detach(work));
        }
    }
}

/// What a work that panicked said.
#[derive(Debug)]
pub(crate) struct Broke(String);

impl Broke {
    fn of(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Self(text.unwrap_or("it panicked without a word").to_owned())
    }
}

impl Display for Broke {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Does something; when it panics, that is told, and nothing else ends.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Broke> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| Broke::of(payload.as_ref()))
}

/// Does a part of a work, in the same way.
pub(crate) fn poll_caught<T>(
    work: Pin<&mut impl Future<Output = T>>,
    context: &mut Context<'_>,
) -> Poll<Result<T, Broke>> {
    match caught(|| work.poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(broke) => Poll::Ready(Err(broke)),
    }
}

/// Does a work to its end, unless the stop comes first.
pub(crate) async fn unless<T>(
    mut stop: watch::Receiver<bool>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let (mut stop, mut work) = (pin!(stop.wait_for(|stop| *stop)), pin!(work));
    std::future::poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        stop.as_mut().poll(context).map(|_| None)
    })
    .await
}

/// Waits without doing anything.
pub(crate) async fn rest(time: Duration) {
    let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
}
