//! The single writer, with group commit: all writes of a process go through one task. Commands that
//! arrive during a commit share the next one, so the batch size adapts to the load without a timer.
//! Each command runs in a savepoint, so one that violates a constraint fails alone. A caller gets
//! its answer only after the commit of its command.
//!
//! Accepts and successful attempts are numerous and uniform, so all of a batch are written by one
//! bulk write (see [`commit`](super::commit)). If that fails, they are retried one by one to find
//! the one at fault.
//!
//! Cancelling a caller does not cancel its command: dropping the future only drops the answer.
//!
//! A command that panics fails alone: the writer rolls back to its savepoint, as after an error,
//! and replaces the connection after the commit. A panic outside any command fails all commands
//! that were taken from the queue with it. The task continues with new connections and the same
//! queue.
//!
//! Start reading at [`Writer`], then [`WriterTask`].

mod batch;

use std::panic::AssertUnwindSafe;

use batch::WriterTask;
use futures::{FutureExt, future::BoxFuture};
use tokio::sync::{mpsc, oneshot};

use super::{
    db::{Conn, Db},
    error::Error,
    events::{Accept, Answer},
    failing::Writes,
    listeners::Listeners,
    notices::NoticeSink,
};
use crate::engine::store::finished::{Finished, Recorded};

/// The most commands in one commit. Limits how long a caller waits for the commands of others.
const MAX_BATCH: usize = 512;
/// Capacity of the queue. When it is full, callers wait (backpressure).
const QUEUE_CAPACITY: usize = 4096;

/// An item of the queue.
enum Item {
    Run(Box<dyn Command>),
    /// A command that needs a transaction of its own.
    Alone(Box<dyn Command>),
    Accept(Accepting),
    Finish(Finishing),
    /// Close the queue. Items that are already queued are still written.
    Close,
}

type Work<T, E> = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send>;

/// A type-erased [`Job`] in the queue.
trait Command: Send {
    /// Runs inside a savepoint. Returns false if the savepoint must be rolled back.
    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> BoxFuture<'c, bool>;
    /// Answers the caller, after the commit or its failure.
    fn answer(self: Box<Self>, commit: Result<(), Error>);
}

/// A closure that runs in the writer's transaction, its outcome, and the channel for the answer.
struct Job<T, E> {
    work: Option<Work<T, E>>,
    outcome: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<T: Send, E: Send + From<Error>> Command for Job<T, E> {
    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> BoxFuture<'c, bool> {
        Box::pin(async move {
            if let Some(work) = self.work.take() {
                self.outcome = Some(work(conn).await);
            }
            matches!(self.outcome, Some(Ok(_)))
        })
    }

    fn answer(self: Box<Self>, commit: Result<(), Error>) {
        let answer = match (commit, self.outcome) {
            (Ok(()), Some(outcome)) | (Err(_), Some(outcome @ Err(_))) => outcome,
            (Err(error), _) => Err(error.into()),
            // There is no outcome because the closure panicked.
            (Ok(()), None) => Err(Error::Panicked.into()),
        };
        // The caller may have been cancelled. The command took effect all the same.
        let _cancelled = self.caller.send(answer);
    }
}

/// An accept or a finished attempt, and the channel to the caller that waits for its answer.
struct Waiting<T, A> {
    item: T,
    caller: oneshot::Sender<Result<A, Error>>,
}

type Accepting = Waiting<Accept, Answer>;
type Finishing = Waiting<Finished, Recorded>;

/// The state of the writer apart from its connections.
struct Context {
    /// The cache of hooks, for planning accepts.
    listeners: Listeners,
    /// The counter shard of this process.
    shard: i64,
    /// Where to report whether writes succeed.
    writes: Writes,
    /// Where to send notices after a commit.
    notices: NoticeSink,
}

/// A handle to the writer task. Cheap to clone.
#[derive(Clone)]
pub struct Writer(mpsc::Sender<Item>);

impl Writer {
    /// Starts the task that owns the write connections. It ends after [`Writer::close`].
    pub(super) fn start(
        db: Db,
        shard: i64,
        writes: Writes,
        notices: NoticeSink,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
        let context = Context { listeners: Listeners::default(), shard, writes, notices };
        (Self(sender), tokio::spawn(serve(db, context, receiver)))
    }

    /// Accepts events. Returns after the commit that contains them and their deliveries.
    pub async fn accept(&self, item: Accept) -> Result<Answer, Error> {
        let (caller, answer) = oneshot::channel();
        self.enqueue(Item::Accept(Waiting { item, caller }), answer).await
    }

    /// Records a finished attempt. Returns after the commit.
    pub async fn finish(&self, item: Finished) -> Result<Recorded, Error> {
        let (caller, answer) = oneshot::channel();
        self.enqueue(Item::Finish(Waiting { item, caller }), answer).await
    }

    async fn enqueue<T>(
        &self,
        item: Item,
        answer: oneshot::Receiver<Result<T, Error>>,
    ) -> Result<T, Error> {
        self.0.send(item).await.map_err(|_| Error::Closed)?;
        // The sender was dropped: the writer panicked during this batch. Whether the batch was
        // committed is unknown.
        answer.await.map_err(|_| Error::Panicked)?
    }

    /// Runs `work` in a transaction, which it may share with other commands, and returns after the
    /// commit. If `work` fails, only its own changes are rolled back.
    pub async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + From<Error> + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.enqueue_work(work, Item::Run).await
    }

    /// Like [`Self::run`], but in a transaction of its own: for work that locks rows which other
    /// nodes lock too. In a shared transaction it would keep its locks while later commands wait
    /// for the other node's locks, which can deadlock.
    pub async fn run_alone<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + From<Error> + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.enqueue_work(work, Item::Alone).await
    }

    async fn enqueue_work<T, E, F>(
        &self,
        work: F,
        item: fn(Box<dyn Command>) -> Item,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + From<Error> + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let job = Job { work: Some(Box::new(work)), outcome: None, caller };
        self.0.send(item(Box::new(job))).await.map_err(|_| E::from(Error::Closed))?;
        answer.await.map_err(|_| E::from(Error::Panicked))?
    }

    /// Has the task ended? Then this process cannot write any more.
    pub fn has_ended(&self) -> bool {
        self.0.is_closed()
    }

    /// Resolves when the task has ended.
    pub async fn ended(&self) {
        self.0.closed().await;
    }

    /// Ends the task after everything in the queue is written.
    pub async fn close(&self) {
        // Fails if the queue is already closed.
        let _already_closed = self.0.send(Item::Close).await;
    }
}

async fn serve(db: Db, context: Context, queue: mpsc::Receiver<Item>) {
    let mut task = WriterTask::new(db, context, queue);
    // Unwind safe: `reset` discards all state that a panic may leave inconsistent.
    while AssertUnwindSafe(write_batches(&mut task)).catch_unwind().await.is_err() {
        tracing::error!(
            "the writer panicked; the commands of this batch failed, and it continues with new \
             connections"
        );
        task.reset();
    }
}

/// Writes the queued items until the queue is closed and empty.
async fn write_batches(task: &mut WriterTask) {
    let mut items = Vec::with_capacity(MAX_BATCH);
    while task.queue.recv_many(&mut items, MAX_BATCH).await > 0 {
        for batch in task.split_into_batches(&mut items) {
            task.write(batch).await;
        }
    }
}
