//! One commit after the other: what gathered goes to disk together, and then everybody is told.

mod bulk;
#[cfg(feature = "postgres")]
mod unknown;

use std::{collections::HashSet, panic::AssertUnwindSafe};

use futures::FutureExt;
use tokio::sync::mpsc;
use tracing::{Instrument, debug_span};

use super::{Accepting, Command, Context, Finishing, Item};
use crate::engine::{
    clock::{Clock, Stopwatch},
    metrics,
    store::{
        db::{Conn, Db},
        error::{Error, chain},
        finished::{Finished, Recorded},
        outcomes::{self},
        told::Told,
    },
};

/// What shares one commit.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) commands: Vec<Box<dyn Command>>,
    pub(super) accepts: Vec<Accepting>,
    pub(super) finished: Vec<Finishing>,
}

impl Batch {
    fn len(&self) -> usize {
        self.commands.len() + self.accepts.len() + self.finished.len()
    }
}

/// What the writer works with.
pub(super) struct WriterTask {
    /// What is to be written.
    pub(super) queue: mpsc::Receiver<Item>,
    db: Db,
    context: Context,
    clock: Clock,
    /// The connection of all writes, except bulk writes on SQLite.
    conn: Option<Conn>,
    /// On PostgreSQL: the backend's process id, to end it when a commit gets no answer.
    #[cfg(feature = "postgres")]
    backend: Option<i32>,
    /// A command panicked on `conn`, perhaps in the middle of a statement: the writer replaces it
    /// after the commit.
    must_reconnect: bool,
    /// Since the last commit: a connection that was idle is checked before its next use.
    used: Stopwatch,
    /// On SQLite: a second connection, for bulk writes (see
    /// [`commit`](crate::engine::store::commit)).
    #[cfg(feature = "sqlite")]
    bulk_conn: Option<rusqlite::Connection>,
}

impl WriterTask {
    pub(super) fn new(db: Db, context: Context, queue: mpsc::Receiver<Item>) -> Self {
        // The monotonic clock: no test needs another.
        let clock = Clock::System;
        let used = clock.stopwatch();
        Self {
            queue,
            db,
            context,
            used,
            clock,
            conn: None,
            #[cfg(feature = "postgres")]
            backend: None,
            must_reconnect: false,
            #[cfg(feature = "sqlite")]
            bulk_conn: None,
        }
    }

    /// Sorts items into the batch that shares the next commit and, after it, batches that need a
    /// commit of their own.
    pub(super) fn sort(&mut self, items: &mut Vec<Item>) -> Vec<Batch> {
        let (mut together, mut batches) = (Batch::default(), Vec::new());
        let mut keys = HashSet::new();
        for item in items.drain(..) {
            match item {
                Item::Run(command) => together.commands.push(command),
                // No other process writes a SQLite while a server runs, so there everything can
                // share a commit.
                Item::Alone(command) if !self.is_shared() => together.commands.push(command),
                Item::Alone(command) => {
                    batches.push(Batch { commands: vec![command], ..Batch::default() })
                }
                // A second request with the same idempotency key: once the first is committed, it
                // gets the same answer.
                Item::Accept(accept)
                    if accept
                        .item
                        .key
                        .as_ref()
                        .is_some_and(|key| !keys.insert(key.key_hash.clone())) =>
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
        batch = self.write_in_bulk(batch).await;
        if batch.len() == 0 {
            return;
        }
        let patience = self.db.patience();
        let commit = self.commit_together(&mut batch);
        let outcome =
            tokio::time::timeout(patience, commit).await.unwrap_or_else(|_| Err(Error::silent()));
        match outcome {
            Ok(recorded) => {
                self.note(&recorded);
                self.used = self.clock.stopwatch();
                // Lanes, jobs and nodes hear what the commit changed before any caller does.
                self.context
                    .audience
                    .tell(self.conn.as_mut().map(Conn::take_told).unwrap_or_default());
                if std::mem::take(&mut self.must_reconnect) {
                    self.conn = None;
                }
                settle(batch, Ok(recorded));
            }
            Err(error) => self.fail(error, batch),
        }
    }

    /// The database failed: fails every caller of the batch and drops the connection and what was
    /// read on it.
    fn fail(&mut self, error: Error, batch: Batch) {
        self.context.listeners.forget();
        // The connection may be inside a half-open transaction, so it is closed. Its transaction
        // may have been committed all the same: pass what was noted on as hints, which do no harm
        // where there is nothing to find.
        if let Some(mut broken) = self.conn.take() {
            self.context
                .audience
                .tell(broken.take_told().into_iter().map(Told::into_hint).collect());
        }
        metrics::commit_failed();
        tracing::error!(error = chain(&error), commands = batch.len(), "a commit failed");
        self.context.writes.failed(&error, self.clock.now());
        settle(batch, Err(error));
    }

    /// After a panic: drops the connections and the listeners, which may be half read. What was
    /// noted may have been committed, so it is passed on as hints.
    pub(super) fn reset(&mut self) {
        self.context.listeners.forget();
        #[cfg(feature = "sqlite")]
        {
            self.bulk_conn = None;
        }
        if let Some(mut broken) = self.conn.take() {
            self.context
                .audience
                .tell(broken.take_told().into_iter().map(Told::into_hint).collect());
        }
    }

    /// Reports whether the database takes writes. Commands prove nothing: they may have found
    /// nothing to write.
    fn note(&self, recorded: &[Result<Recorded, Error>]) {
        let mut errors = recorded.iter().filter_map(|answer| answer.as_ref().err());
        if let Some(error) = errors.find(|error| error.is_unwritable()) {
            self.context.writes.failed(error, self.clock.now());
        } else if recorded.iter().any(Result::is_ok) {
            self.context.writes.went_well();
        }
    }

    /// Begins a transaction. A connection that was cut while nothing was asked of it is replaced:
    /// no caller needs to hear of that, because nothing was begun.
    async fn begin(&mut self) -> Result<(), Error> {
        if let Some(mut kept) = self.conn.take() {
            match kept.begin().await {
                Ok(()) => {
                    self.conn = Some(kept);
                    return Ok(());
                }
                Err(error) if !error.is_lost_connection() => return Err(error),
                Err(error) => {
                    tracing::warn!(
                        error = chain(&error),
                        "the writing connection was cut; another takes its place"
                    );
                }
            }
        }
        self.connect().await?.begin().await
    }

    /// A fresh connection of the writer's own.
    async fn connect(&mut self) -> Result<&mut Conn, Error> {
        #[cfg_attr(
            not(feature = "postgres"),
            expect(unused_mut, reason = "only PostgreSQL is asked")
        )]
        let mut conn = self.db.own().await?;
        #[cfg(feature = "postgres")]
        {
            conn.go_by_index().await?;
            self.backend = conn.backend().await?;
        }
        Ok(self.conn.insert(conn))
    }

    async fn commit_together(
        &mut self,
        batch: &mut Batch,
    ) -> Result<Vec<Result<Recorded, Error>>, Error> {
        self.begin().await?;
        let Self { conn: Some(conn), context, must_reconnect, .. } = self else {
            return Err(Error::Closed);
        };
        if batch.commands.is_empty() {
            match catch_panic(record_and_commit(conn, &batch.finished)).await {
                Ok(recorded) => {
                    // Hooks whose health may have changed are read again.
                    context.listeners.distrust();
                    return Ok(recorded);
                }
                // One of the attempts is at fault, or the connection: try again with savepoints.
                Err(error) => {
                    *must_reconnect |= matches!(error, Error::Panicked);
                    conn.control("ROLLBACK").await?;
                    conn.untell(0);
                    conn.begin().await?;
                }
            }
        }
        for command in &mut batch.commands {
            conn.control("SAVEPOINT command").await?;
            let noted = conn.noted();
            let ran = catch_panic(async { Ok(command.run(conn).await) }).await;
            *must_reconnect |= ran.is_err();
            if !ran.unwrap_or(false) {
                conn.control("ROLLBACK TO SAVEPOINT command").await?;
                conn.untell(noted);
            }
            conn.control("RELEASE SAVEPOINT command").await?;
        }
        let recorded = record(conn, &batch.finished).await?;
        *must_reconnect |= recorded.iter().any(|answer| matches!(answer, Err(Error::Panicked)));
        conn.control("COMMIT").await?;
        context.listeners.distrust();
        Ok(recorded)
    }
}

/// A panic inside of `work` becomes an error, so that it ends nothing else. The panic itself is in
/// the log already.
async fn catch_panic<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(Error::Panicked))
}

/// Tells every caller, after the commit or its failure. Accepts are among them only where nothing
/// was written.
fn settle(batch: Batch, outcome: Result<Vec<Result<Recorded, Error>>, Error>) {
    let commit = outcome.as_ref().map(drop).map_err(Error::clone);
    for command in batch.commands {
        command.settle(commit.clone());
    }
    // A caller may be gone; what it asked for has happened all the same.
    match outcome {
        Ok(recorded) => {
            for (waiting, answer) in batch.finished.into_iter().zip(recorded) {
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

/// The fast path: records and commits all at once, without a savepoint.
async fn record_and_commit(
    conn: &mut Conn,
    finished: &[Finishing],
) -> Result<Vec<Result<Recorded, Error>>, Error> {
    let items: Vec<&Finished> = finished.iter().map(|waiting| &waiting.item).collect();
    let recorded = outcomes::record_all(conn, &items).await?;
    conn.control("COMMIT").await?;
    Ok(recorded.into_iter().map(Ok).collect())
}

/// All at once; one by one when that fails.
async fn record(
    conn: &mut Conn,
    finished: &[Finishing],
) -> Result<Vec<Result<Recorded, Error>>, Error> {
    if finished.is_empty() {
        return Ok(Vec::new());
    }
    let all: Vec<&Finished> = finished.iter().map(|waiting| &waiting.item).collect();
    match record_under_savepoint(conn, &all).await? {
        Ok(recorded) => return Ok(recorded.into_iter().map(Ok).collect()),
        Err(error) if all.len() == 1 => return Ok(vec![Err(error)]),
        Err(_) => {}
    }
    let mut answers = Vec::with_capacity(all.len());
    for item in all {
        let recorded = record_under_savepoint(conn, &[item]).await?;
        answers.push(recorded.and_then(|mut recorded| recorded.pop().ok_or(Error::Closed)));
    }
    Ok(answers)
}

/// The outer error fails the whole commit; the inner one only these items.
async fn record_under_savepoint(
    conn: &mut Conn,
    items: &[&Finished],
) -> Result<Result<Vec<Recorded>, Error>, Error> {
    conn.control("SAVEPOINT bulk").await?;
    let noted = conn.noted();
    let recorded = catch_panic(outcomes::record_all(conn, items)).await;
    if recorded.is_err() {
        conn.control("ROLLBACK TO SAVEPOINT bulk").await?;
        conn.untell(noted);
    }
    conn.control("RELEASE SAVEPOINT bulk").await?;
    Ok(recorded)
}
