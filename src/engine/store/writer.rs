//! The one who writes. Commands gather while a commit is under way and share the next one: the more there is to do, the
//! more each `fsync` carries, without a timer. What one command violates fails that one alone; nobody hears "done" before
//! the commit that holds it has returned.
//!
//! Accepts and results are many and alike, so all of a commit's become a few multi-row statements under one savepoint.
//! When that fails they are written one by one, each under its own, to find the one at fault.
//!
//! A command runs to its commit even when its caller is gone: dropping the future only drops the answer.

use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::{
    db::{Conn, Db},
    error::{Error, chain},
    events::{self, Accept, Planned},
    listeners::Listeners,
    outcomes::{self, Finished, Recorded},
};

/// Commands that share one commit at most. Bounds the time a caller waits behind others.
const BATCH: usize = 512;
/// Commands that may wait; beyond it callers wait for room.
const QUEUE: usize = 4096;

/// What the task finds in its queue.
#[expect(clippy::large_enum_variant, reason = "nearly all items are results")]
enum Item {
    Run(Box<dyn Command>),
    /// In a transaction of its own.
    Alone(Box<dyn Command>),
    Accept(Waiting<Accept>),
    Finish(Waiting<Finished>),
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

/// A command that can be written together with others of its kind.
trait Bulk: Send + Sync + Sized {
    type Answer: Send;
    /// Writes all of them or none; an answer for each.
    fn write<'c>(
        conn: &'c mut Conn,
        context: &'c Context,
        items: &'c [&'c Self],
    ) -> BoxFuture<'c, Result<Vec<Self::Answer>, Error>>;
}

/// A bulk command and who waits for it.
struct Waiting<T: Bulk> {
    item: T,
    caller: oneshot::Sender<Result<T::Answer, Error>>,
}

/// What the writer knows beside the database.
struct Context {
    listeners: Listeners,
    /// Which of the counters this process adds to.
    shard: i64,
}

impl Bulk for Accept {
    type Answer = Vec<Vec<Planned>>;

    fn write<'c>(
        conn: &'c mut Conn,
        context: &'c Context,
        items: &'c [&'c Self],
    ) -> BoxFuture<'c, Result<Vec<Self::Answer>, Error>> {
        Box::pin(events::accept_all(conn, &context.listeners, context.shard, items))
    }
}

impl Bulk for Finished {
    type Answer = Recorded;

    fn write<'c>(
        conn: &'c mut Conn,
        _context: &'c Context,
        items: &'c [&'c Self],
    ) -> BoxFuture<'c, Result<Vec<Self::Answer>, Error>> {
        Box::pin(outcomes::record_all(conn, items))
    }
}

/// The way to the writing task; cheap to clone.
#[derive(Clone)]
pub struct Writer(mpsc::Sender<Item>);

impl Writer {
    /// Starts the task that owns the writing connection. It ends on [`Writer::close`].
    pub fn start(db: Db, shard: i64) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let context = Context { listeners: Listeners::default(), shard };
        (Self(sender), tokio::spawn(serve(db, context, receiver)))
    }

    /// Accepts events: answers after the commit that holds them and their deliveries.
    pub async fn accept(&self, item: Accept) -> Result<Vec<Vec<Planned>>, Error> {
        let (caller, answer) = oneshot::channel();
        self.queue(Item::Accept(Waiting { item, caller }), answer).await
    }

    /// Records what came of an attempt.
    pub async fn finish(&self, item: Finished) -> Result<Recorded, Error> {
        let (caller, answer) = oneshot::channel();
        self.queue(Item::Finish(Waiting { item, caller }), answer).await
    }

    async fn queue<T>(&self, item: Item, answer: oneshot::Receiver<Result<T, Error>>) -> Result<T, Error> {
        self.0.send(item).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Runs `work` in a transaction and answers after its commit. An error undoes what `work` did, and nothing else.
    pub async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + From<Error> + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.order(work, Item::Run).await
    }

    /// The same, with nothing else in the transaction: for what locks rows that other servers lock too. Together with
    /// others it would keep them locked while those wait for something that another server has, and so on in a circle.
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
        answer.await.map_err(|_| E::from(Error::Closed))?
    }

    /// Ends the task once everything that is queued is written.
    pub async fn close(&self) {
        // Closed already: nothing to do.
        let _closed = self.0.send(Item::Close).await;
    }
}

/// What shares one commit.
#[derive(Default)]
struct Batch {
    commands: Vec<Box<dyn Command>>,
    accepts: Vec<Waiting<Accept>>,
    finished: Vec<Waiting<Finished>>,
}

impl Batch {
    fn len(&self) -> usize {
        self.commands.len() + self.accepts.len() + self.finished.len()
    }
}

async fn serve(db: Db, mut context: Context, mut queue: mpsc::Receiver<Item>) {
    let mut conn = None;
    let mut items = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut items, BATCH).await > 0 {
        let (mut together, mut batches) = (Batch::default(), Vec::new());
        for item in items.drain(..) {
            match item {
                Item::Run(command) => together.commands.push(command),
                Item::Alone(command) => batches.push(Batch { commands: vec![command], ..Batch::default() }),
                Item::Accept(accept) => together.accepts.push(accept),
                Item::Finish(finished) => together.finished.push(finished),
                Item::Close => queue.close(),
            }
        }
        batches.insert(0, together);
        for mut batch in batches.into_iter().filter(|batch| batch.len() > 0) {
            let outcome = commit(&db, &mut conn, &mut context, &mut batch).await;
            settle(batch, outcome);
        }
    }
}

/// Commits a batch, and gives up a connection that failed.
async fn commit(db: &Db, conn: &mut Option<Conn>, context: &mut Context, batch: &mut Batch) -> Result<Answers, Error> {
    let commands = batch.len();
    let outcome = tokio::time::timeout(db.patience(), commit_together(db, conn, context, batch)).await;
    let outcome = outcome.unwrap_or_else(|_| Err(Error::silent()));
    if let Err(error) = &outcome {
        tracing::error!(error = chain(error), commands, "a commit failed");
        context.listeners.distrust();
        // A connection that failed may be inside a half-open transaction: take a fresh one.
        if let Some(broken) = conn.take() {
            broken.discard().await;
        }
    }
    outcome
}

/// The answers of the bulk commands, in their order.
type Answers = (Vec<Result<Vec<Vec<Planned>>, Error>>, Vec<Result<Recorded, Error>>);

/// Tells every caller, after the commit or its failure.
fn settle(batch: Batch, outcome: Result<Answers, Error>) {
    let commit = outcome.as_ref().map(drop).map_err(Error::clone);
    for command in batch.commands {
        command.settle(commit.clone());
    }
    match outcome {
        Ok((accepts, finished)) => {
            // A caller may be gone; what it asked for has happened all the same.
            for (waiting, answer) in batch.accepts.into_iter().zip(accepts) {
                let _gone = waiting.caller.send(answer);
            }
            for (waiting, answer) in batch.finished.into_iter().zip(finished) {
                let _gone = waiting.caller.send(answer);
            }
        }
        Err(error) => {
            for waiting in batch.accepts {
                let _gone = waiting.caller.send(Err(error.clone()));
            }
            for waiting in batch.finished {
                let _gone = waiting.caller.send(Err(error.clone()));
            }
        }
    }
}

async fn commit_together(
    db: &Db,
    slot: &mut Option<Conn>,
    context: &mut Context,
    batch: &mut Batch,
) -> Result<Answers, Error> {
    let conn = begin(db, slot).await?;
    for command in &mut batch.commands {
        conn.control("SAVEPOINT command").await?;
        if !command.run(conn).await {
            conn.control("ROLLBACK TO SAVEPOINT command").await?;
        }
        conn.control("RELEASE SAVEPOINT command").await?;
    }
    if !batch.accepts.is_empty() {
        context.listeners.refresh(conn).await?;
    }
    let accepts = write_bulk(conn, context, &batch.accepts).await?;
    let finished = write_bulk(conn, context, &batch.finished).await?;
    conn.control("COMMIT").await?;
    Ok((accepts, finished))
}

/// The connection, inside a new transaction. One that was cut while nothing was asked of it is replaced: no caller needs
/// to hear of that, because nothing was begun.
async fn begin<'s>(db: &Db, slot: &'s mut Option<Conn>) -> Result<&'s mut Conn, Error> {
    if let Some(mut kept) = slot.take() {
        match kept.begin().await {
            Ok(()) => return Ok(slot.insert(kept)),
            Err(error) => {
                kept.discard().await;
                if !error.is_lost_connection() {
                    return Err(error);
                }
                tracing::warn!(error = chain(&error), "the writing connection was cut; another takes its place");
            }
        }
    }
    let conn = slot.insert(db.write().await?);
    conn.begin().await?;
    Ok(conn)
}

/// All at once; one by one when that fails.
async fn write_bulk<T: Bulk>(
    conn: &mut Conn,
    context: &Context,
    waiting: &[Waiting<T>],
) -> Result<Vec<Result<T::Answer, Error>>, Error> {
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let all: Vec<&T> = waiting.iter().map(|waiting| &waiting.item).collect();
    match write_under_savepoint(conn, context, &all).await? {
        Ok(answers) => return Ok(answers.into_iter().map(Ok).collect()),
        Err(error) if all.len() == 1 => return Ok(vec![Err(error)]),
        Err(_) => {}
    }
    let mut answers = Vec::with_capacity(all.len());
    for item in all {
        let written = write_under_savepoint(conn, context, &[item]).await?;
        answers.push(written.and_then(|mut answers| answers.pop().ok_or(Error::Closed)));
    }
    Ok(answers)
}

/// The outer error is the commit's, the inner one the items'.
async fn write_under_savepoint<T: Bulk>(
    conn: &mut Conn,
    context: &Context,
    items: &[&T],
) -> Result<Result<Vec<T::Answer>, Error>, Error> {
    conn.control("SAVEPOINT bulk").await?;
    let written = T::write(conn, context, items).await;
    if written.is_err() {
        conn.control("ROLLBACK TO SAVEPOINT bulk").await?;
    }
    conn.control("RELEASE SAVEPOINT bulk").await?;
    Ok(written)
}
