//! The single writer, with group commit: commands that arrive while a commit is under way share the
//! next one. The more commands there are, the more each `fsync` carries, without a timer. A command
//! that violates a constraint fails alone; no caller hears "done" before the commit of its command
//! has returned.
//!
//! Accepts and attempts are many and alike, so one bulk write takes all of a batch's (see
//! [`commit`](super::commit)). If that fails, the writer writes them again one by one, to find the
//! one at fault.
//!
//! A command runs to its commit even if its caller has gone: dropping the future only drops the
//! answer.
//!
//! A command that panics fails alone: the writer rolls back to its savepoint, as after an error,
//! and replaces the connection after the commit. A panic outside of any command fails the items
//! that were taken from the queue with it; the task goes on with fresh connections and the same
//! queue.

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
    told::Audience,
};
use crate::engine::store::finished::{Finished, Recorded};

/// Commands that share one commit at most. Bounds the time a caller waits behind others.
const BATCH: usize = 512;
/// Commands that may wait; beyond it callers wait for room.
const QUEUE: usize = 4096;

/// What the task finds in its queue.
enum Item {
    Run(Box<dyn Command>),
    /// In a transaction of its own.
    Alone(Box<dyn Command>),
    Accept(Accepting),
    Finish(Finishing),
    /// Take nothing more; what is queued is still written.
    Close,
}

type Work<T, E> = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send>;

/// A type-erased [`Job`] in the queue.
trait Command: Send {
    /// Runs inside a savepoint; false means: undo it.
    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> BoxFuture<'c, bool>;
    /// Tells the caller, after the commit or its failure.
    fn settle(self: Box<Self>, commit: Result<(), Error>);
}

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

    fn settle(self: Box<Self>, commit: Result<(), Error>) {
        let answer = match (commit, self.outcome) {
            (Ok(()), Some(outcome)) | (Err(_), Some(outcome @ Err(_))) => outcome,
            (Err(error), _) => Err(error.into()),
            // It was begun and did not end: it panicked.
            (Ok(()), None) => Err(Error::Panicked.into()),
        };
        // The caller may be gone; what it asked for has happened all the same.
        let _gone = self.caller.send(answer);
    }
}

/// An item of a bulk write, and the caller that waits for it.
struct Waiting<T, A> {
    item: T,
    caller: oneshot::Sender<Result<A, Error>>,
}

type Accepting = Waiting<Accept, Answer>;
type Finishing = Waiting<Finished, Recorded>;

/// What the writer knows beside the database.
struct Context {
    listeners: Listeners,
    /// Which of the counters this process adds to.
    shard: i64,
    /// Where it is noted whether the database takes what is written.
    writes: Writes,
    /// Who hears what was committed.
    audience: Audience,
}

/// The way to the writing task; cheap to clone.
#[derive(Clone)]
pub struct Writer(mpsc::Sender<Item>);

impl Writer {
    /// Starts the task that owns the writing connection. It ends on [`Writer::close`].
    pub(super) fn start(
        db: Db,
        shard: i64,
        writes: Writes,
        audience: Audience,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let context = Context { listeners: Listeners::default(), shard, writes, audience };
        (Self(sender), tokio::spawn(serve(db, context, receiver)))
    }

    /// Accepts events: answers after the commit that holds them and their deliveries.
    pub async fn accept(&self, item: Accept) -> Result<Answer, Error> {
        let (caller, answer) = oneshot::channel();
        self.queue(Item::Accept(Waiting { item, caller }), answer).await
    }

    /// Records what came of an attempt.
    pub async fn finish(&self, item: Finished) -> Result<Recorded, Error> {
        let (caller, answer) = oneshot::channel();
        self.queue(Item::Finish(Waiting { item, caller }), answer).await
    }

    async fn queue<T>(
        &self,
        item: Item,
        answer: oneshot::Receiver<Result<T, Error>>,
    ) -> Result<T, Error> {
        self.0.send(item).await.map_err(|_| Error::Closed)?;
        // The writer itself panicked with this batch: whether it was committed is unknown.
        answer.await.map_err(|_| Error::Panicked)?
    }

    /// Runs `work` in a transaction and answers after its commit. An error undoes what `work` did,
    /// and nothing else.
    pub async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + From<Error> + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.order(work, Item::Run).await
    }

    /// The same in a transaction of its own: for work that locks rows which other servers lock too.
    /// If it shared a transaction, it would keep its rows locked while another command waits for
    /// that server: a deadlock.
    pub async fn run_alone<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + From<Error> + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.order(work, Item::Alone).await
    }

    async fn order<T, E, F>(&self, work: F, item: fn(Box<dyn Command>) -> Item) -> Result<T, E>
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

    /// The task is gone: nothing more is written by this process.
    pub fn has_ended(&self) -> bool {
        self.0.is_closed()
    }

    /// Resolves when it is.
    pub async fn ended(&self) {
        self.0.closed().await;
    }

    /// Ends the task once everything that is queued is written.
    pub async fn close(&self) {
        // Closed already: nothing to do.
        let _closed = self.0.send(Item::Close).await;
    }
}

async fn serve(db: Db, context: Context, queue: mpsc::Receiver<Item>) {
    let mut task = WriterTask::new(db, context, queue);
    // The state that a panic may leave half-changed is dropped by `reset`.
    while AssertUnwindSafe(write_batches(&mut task)).catch_unwind().await.is_err() {
        tracing::error!(
            "the writer panicked; the commands of that batch failed, and it goes on with new \
             connections"
        );
        task.reset();
    }
}

/// Writes what is queued until the queue is closed.
async fn write_batches(task: &mut WriterTask) {
    let mut items = Vec::with_capacity(BATCH);
    while task.queue.recv_many(&mut items, BATCH).await > 0 {
        for batch in task.sort(&mut items) {
            task.write(batch).await;
        }
    }
}
