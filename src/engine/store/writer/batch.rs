//! One commit after the other: what gathered goes to disk together, and then everybody is told.

mod unknown;
mod visits;

use std::{collections::HashSet, panic::AssertUnwindSafe};

use futures::FutureExt;
use tokio::sync::mpsc;
use tracing::{Instrument, debug_span};

use super::{Bulk, Command, Context, Item, Waiting};
use crate::engine::{
    clock::{Clock, Stopwatch},
    metrics,
    store::{
        db::{Conn, Db},
        error::{Error, chain},
        events::{self, Accept, Answer},
        outcomes::{Finished, Recorded},
    },
};

/// What shares one commit.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) commands: Vec<Box<dyn Command>>,
    pub(super) accepts: Vec<Waiting<Accept>>,
    pub(super) finished: Vec<Waiting<Finished>>,
}

impl Batch {
    fn len(&self) -> usize {
        self.commands.len() + self.accepts.len() + self.finished.len()
    }
}

/// What the writer works with.
pub(super) struct Hands {
    /// What is to be written.
    pub(super) queue: mpsc::Receiver<Item>,
    db: Db,
    context: Context,
    clock: Clock,
    /// For everything.
    conn: Option<Conn>,
    /// Which process of PostgreSQL is at its other end.
    backend: Option<i32>,
    /// A command panicked on this connection, perhaps in the middle of a statement: it is replaced after the commit.
    is_spent: bool,
    /// When it last did something.
    used: Stopwatch,
    /// On SQLite, for what goes in one [`visit`].
    visitor: Option<rusqlite::Connection>,
}

impl Hands {
    pub(super) fn new(db: Db, context: Context, queue: mpsc::Receiver<Item>) -> Self {
        // The monotonic clock: no test needs another.
        let clock = Clock::System;
        let used = clock.stopwatch();
        Self { queue, db, context, used, clock, conn: None, backend: None, is_spent: false, visitor: None }
    }

    /// What shares the next commit, and what comes after it in commits of its own.
    pub(super) fn sort(&mut self, items: &mut Vec<Item>) -> Vec<Batch> {
        let (mut together, mut batches) = (Batch::default(), Vec::new());
        let mut keys = HashSet::new();
        for item in items.drain(..) {
            match item {
                Item::Run(command) => together.commands.push(command),
                // No other process writes a SQLite while a server runs, so there everything can share a commit.
                Item::Alone(command) if !self.is_shared() => together.commands.push(command),
                Item::Alone(command) => batches.push(Batch { commands: vec![command], ..Batch::default() }),
                // Two requests with one key: the second is answered with what the first became.
                Item::Accept(accept)
                    if accept.item.key.as_ref().is_some_and(|key| !keys.insert(key.key_hash.clone())) =>
                {
                    batches.push(Batch { accepts: vec![accept], ..Batch::default() });
                }
                Item::Accept(accept) => together.accepts.push(accept),
                Item::Finish(finished) => together.finished.push(finished),
                Item::Close => self.queue.close(),
            }
        }
        batches.insert(0, together);
        batches
    }

    /// Do others write this database too?
    pub(super) fn is_shared(&self) -> bool {
        self.db.is_postgres()
    }

    /// Writes a batch and tells everybody who waits.
    pub(super) async fn write(&mut self, batch: Batch) {
        let (commands, watch) = (batch.len(), self.clock.stopwatch());
        self.write_all(batch).instrument(debug_span!("store.commit", commands)).await;
        if commands > 0 {
            metrics::committed(commands, watch.elapsed());
        }
    }

    async fn write_all(&mut self, mut batch: Batch) {
        batch = self.visit(batch).await;
        if batch.len() == 0 {
            return;
        }
        let patience = self.db.patience();
        let commit = self.commit_together(&mut batch);
        let outcome = tokio::time::timeout(patience, commit).await.unwrap_or_else(|_| Err(Error::silent()));
        match outcome {
            Ok(answers) => {
                self.note(&answers);
                self.used = self.clock.stopwatch();
                self.tell(&batch, &answers);
                if std::mem::take(&mut self.is_spent) {
                    self.conn = None;
                }
                settle(batch, Ok(answers));
            }
            Err(error) => self.lose(error, batch),
        }
    }

    /// The database failed: nobody may rely on anything, nor on the connection.
    fn lose(&mut self, error: Error, batch: Batch) {
        self.context.listeners.forget();
        // A connection that failed may be inside a half-open transaction: it is closed, and a fresh one is taken. What was
        // noted on it may be committed all the same, and to hear of it in vain does no harm.
        if let Some(mut broken) = self.conn.take() {
            self.context.audience.tell(broken.take_told());
        }
        metrics::commit_failed();
        tracing::error!(error = chain(&error), commands = batch.len(), "a commit failed");
        self.context.writes.failed(&error, self.clock.now());
        settle(batch, Err(error));
    }

    /// After a panic nothing that was kept in memory can be relied on. What was noted may have been committed.
    pub(super) fn start_over(&mut self) {
        self.context.listeners.distrust();
        self.visitor = None;
        if let Some(mut broken) = self.conn.take() {
            self.context.audience.tell(broken.take_told());
        }
    }

    /// Tells lanes, jobs and nodes what the commit changed, before any caller hears of it.
    fn tell(&mut self, batch: &Batch, (accepts, _): &Answers) {
        let mut told = self.conn.as_mut().map(Conn::take_told).unwrap_or_default();
        for (waiting, answer) in batch.accepts.iter().zip(accepts) {
            if let Ok(Answer::New(planned)) = answer {
                told.extend(events::offers(&waiting.item, planned));
            }
        }
        self.context.audience.tell(told);
    }

    /// Notes whether something was written. Of commands it is not known: they may have found nothing to write.
    fn note(&self, (accepts, finished): &Answers) {
        let errors = accepts.iter().filter_map(|answer| answer.as_ref().err());
        let mut errors = errors.chain(finished.iter().filter_map(|answer| answer.as_ref().err()));
        if let Some(error) = errors.find(|error| error.is_unwritable()) {
            self.context.writes.failed(error, self.clock.now());
        } else if accepts.iter().any(Result::is_ok) || finished.iter().any(Result::is_ok) {
            self.context.writes.went_well();
        }
    }

    /// Begins a transaction. A connection that was cut while nothing was asked of it is replaced: no caller needs to hear
    /// of that, because nothing was begun.
    async fn begin(&mut self) -> Result<(), Error> {
        if let Some(mut kept) = self.conn.take() {
            match kept.begin().await {
                Ok(()) => {
                    self.conn = Some(kept);
                    return Ok(());
                }
                Err(error) if !error.is_lost_connection() => return Err(error),
                Err(error) => {
                    tracing::warn!(error = chain(&error), "the writing connection was cut; another takes its place");
                }
            }
        }
        self.connect().await?.begin().await
    }

    /// A fresh connection of the writer's own.
    async fn connect(&mut self) -> Result<&mut Conn, Error> {
        let mut conn = self.db.own().await?;
        conn.go_by_index().await?;
        self.backend = conn.backend().await?;
        Ok(self.conn.insert(conn))
    }

    async fn commit_together(&mut self, batch: &mut Batch) -> Result<Answers, Error> {
        self.begin().await?;
        let Self { conn: Some(conn), context, .. } = self else { return Err(Error::Closed) };
        if batch.commands.is_empty() {
            match unless_it_panics(write_plainly(conn, context, &batch.accepts, &batch.finished)).await {
                Ok(answers) => return Ok(answers),
                // Somebody is at fault, or the connection is: it is done again with care.
                Err(_) => {
                    conn.control("ROLLBACK").await?;
                    conn.untell(0);
                    conn.begin().await?;
                }
            }
        }
        for command in &mut batch.commands {
            conn.control("SAVEPOINT command").await?;
            let noted = conn.noted();
            let ran = unless_it_panics(async { Ok(command.run(conn).await) }).await;
            self.is_spent |= ran.is_err();
            if !ran.unwrap_or(false) {
                conn.control("ROLLBACK TO SAVEPOINT command").await?;
                conn.untell(noted);
            }
            conn.control("RELEASE SAVEPOINT command").await?;
        }
        // A command may have changed a hook; and what was read in a transaction that was undone was never true.
        context.listeners.distrust();
        if !batch.accepts.is_empty() {
            context.listeners.refresh(conn).await?;
        }
        let accepts = write_bulk(conn, context, &batch.accepts).await?;
        let finished = write_bulk(conn, context, &batch.finished).await?;
        conn.control("COMMIT").await?;
        context.listeners.distrust();
        Ok((accepts, finished))
    }
}

/// A panic inside of `work` becomes an error, so that it ends nothing else. The panic itself is in the log already.
async fn unless_it_panics<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(Error::Panicked))
}

/// The answers of the bulk commands, in their order.
type Answers = (Vec<Result<Answer, Error>>, Vec<Result<Recorded, Error>>);

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

/// As it nearly always goes: nobody is at fault, and nothing needs a savepoint.
async fn write_plainly(
    conn: &mut Conn,
    context: &mut Context,
    accepts: &[Waiting<Accept>],
    finished: &[Waiting<Finished>],
) -> Result<Answers, Error> {
    let mut answers = (Vec::new(), Vec::new());
    if !accepts.is_empty() {
        context.listeners.refresh(conn).await?;
        let items: Vec<&Accept> = accepts.iter().map(|waiting| &waiting.item).collect();
        answers.0 = Accept::write(conn, context, &items).await?.into_iter().map(Ok).collect();
    }
    if !finished.is_empty() {
        let items: Vec<&Finished> = finished.iter().map(|waiting| &waiting.item).collect();
        answers.1 = Finished::write(conn, context, &items).await?.into_iter().map(Ok).collect();
    }
    conn.control("COMMIT").await?;
    // Hooks whose health may have changed are read again.
    if !finished.iter().all(|waiting| waiting.item.changes_nothing()) {
        context.listeners.distrust();
    }
    Ok(answers)
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
    let noted = conn.noted();
    let written = unless_it_panics(T::write(conn, context, items)).await;
    if written.is_err() {
        conn.control("ROLLBACK TO SAVEPOINT bulk").await?;
        conn.untell(noted);
    }
    conn.control("RELEASE SAVEPOINT bulk").await?;
    Ok(written)
}
