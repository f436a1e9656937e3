//! The one who writes. Commands gather while a commit is under way and share the next one: the more there is to do, the
//! more each `fsync` carries, without a timer. Every command has a savepoint of its own, so what one violates fails that
//! one alone; nobody hears "done" before the commit that holds it has returned.
//!
//! A command runs to its commit even when its caller is gone: dropping the future only drops the answer.

use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::{
    db::{Conn, Db},
    error::{Error, chain},
};

/// Commands that share one commit at most. Bounds the time a caller waits behind others.
const BATCH: usize = 512;
/// Commands that may wait; beyond it callers wait for room.
const QUEUE: usize = 4096;

/// What the task finds in its queue.
enum Item {
    Run(Box<dyn Command>),
    /// Take nothing more; what is queued is still written.
    Close,
}

type Work<T, E> = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send>;

/// A command in the queue, its types forgotten.
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
            (Ok(()), None) => Err(Error::Closed.into()),
        };
        // The caller may be gone; what it asked for has happened all the same.
        let _gone = self.caller.send(answer);
    }
}

/// The way to the writing task; cheap to clone.
#[derive(Clone)]
pub struct Writer(mpsc::Sender<Item>);

impl Writer {
    /// Starts the task that owns the writing connection. It ends on [`Writer::close`].
    pub fn start(db: Db) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), tokio::spawn(serve(db, receiver)))
    }

    /// Runs `work` in a transaction and answers after its commit. An error undoes what `work` did, and nothing else.
    pub async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + From<Error> + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let job = Job { work: Some(Box::new(work)), outcome: None, caller };
        self.0.send(Item::Run(Box::new(job))).await.map_err(|_| E::from(Error::Closed))?;
        answer.await.map_err(|_| E::from(Error::Closed))?
    }

    /// Ends the task once everything that is queued is written.
    pub async fn close(&self) {
        // Closed already: nothing to do.
        let _closed = self.0.send(Item::Close).await;
    }
}

async fn serve(db: Db, mut queue: mpsc::Receiver<Item>) {
    let mut conn = None;
    let mut items = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut items, BATCH).await > 0 {
        let mut batch = Vec::with_capacity(items.len());
        for item in items.drain(..) {
            match item {
                Item::Run(command) => batch.push(command),
                Item::Close => queue.close(),
            }
        }
        if batch.is_empty() {
            continue;
        }
        let outcome = commit_together(&db, &mut conn, &mut batch).await;
        if let Err(error) = &outcome {
            tracing::error!(error = chain(error), commands = batch.len(), "a commit failed");
            // A connection that failed may be inside a half-open transaction: take a fresh one.
            if let Some(broken) = conn.take() {
                broken.discard().await;
            }
        }
        for command in batch {
            command.settle(outcome.clone());
        }
    }
}

async fn commit_together(db: &Db, slot: &mut Option<Conn>, batch: &mut [Box<dyn Command>]) -> Result<(), Error> {
    let conn = match slot {
        Some(conn) => conn,
        None => slot.insert(db.write().await?),
    };
    conn.begin().await?;
    for command in batch {
        conn.control("SAVEPOINT command").await?;
        if command.run(conn).await {
            conn.control("RELEASE SAVEPOINT command").await?;
        } else {
            conn.control("ROLLBACK TO SAVEPOINT command").await?;
            conn.control("RELEASE SAVEPOINT command").await?;
        }
    }
    conn.control("COMMIT").await
}
