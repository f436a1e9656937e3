//! The writer task: splits the queued items into batches, writes and commits each batch, then sends
//! the notices and answers the callers.
//!
//! Start reading at [`WriterTask::write`]. The fast path is in [`bulk`]; [`unknown`] resolves
//! commits without a reply.

mod bulk;
mod record;
#[cfg(feature = "postgres")]
mod unknown;

use std::collections::HashSet;

use tokio::sync::mpsc;
use tracing::{Instrument, debug_span};

use self::record::{catch_panic, record, record_and_commit};
use super::{Accepting, Command, Context, Finishing, Item};
use crate::engine::{
    clock::{Clock, Stopwatch},
    metrics,
    store::{
        db::{Conn, Db},
        error::{Error, chain},
        finished::Recorded,
        notices::Notice,
    },
};

/// The items that share one commit.
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

/// The state of the writer task.
pub(super) struct WriterTask {
    pub(super) queue: mpsc::Receiver<Item>,
    db: Db,
    context: Context,
    clock: Clock,
    /// The connection for all writes except bulk writes on SQLite. `None` until first needed and
    /// after a failure.
    conn: Option<Conn>,
    /// On PostgreSQL: the backend's process id, to end it when a commit gets no answer.
    #[cfg(feature = "postgres")]
    backend: Option<i32>,
    /// A command panicked on `conn`, perhaps in the middle of a statement: the writer replaces it
    /// after the commit.
    must_reconnect: bool,
    /// Time since the last commit. A connection that was idle is checked before it is used again.
    last_commit: Stopwatch,
    /// On SQLite: a second connection, for bulk writes (see
    /// [`commit`](crate::engine::store::commit)).
    #[cfg(feature = "sqlite")]
    bulk_conn: Option<rusqlite::Connection>,
}

impl WriterTask {
    pub(super) fn new(db: Db, context: Context, queue: mpsc::Receiver<Item>) -> Self {
        // Only the monotonic clock matters here, so tests need no other.
        let clock = Clock::System;
        let last_commit = clock.stopwatch();
        Self {
            queue,
            db,
            context,
            last_commit,
            clock,
            conn: None,
            #[cfg(feature = "postgres")]
            backend: None,
            must_reconnect: false,
            #[cfg(feature = "sqlite")]
            bulk_conn: None,
        }
    }

    /// Splits items into one batch that shares the next commit, followed by batches that need
    /// commits of their own.
    pub(super) fn split_into_batches(&mut self, items: &mut Vec<Item>) -> Vec<Batch> {
        let (mut shared, mut batches) = (Batch::default(), Vec::new());
        let mut keys = HashSet::new();
        for item in items.drain(..) {
            match item {
                Item::Run(command) => shared.commands.push(command),
                // On SQLite, no other process writes while a server runs: there can be no deadlock,
                // so the command can share a commit.
                Item::Alone(command) if !self.has_peers() => shared.commands.push(command),
                Item::Alone(command) => {
                    batches.push(Batch { commands: vec![command], ..Batch::default() })
                }
                // A second request with the same idempotency key gets a commit of its own. By then
                // the first is committed, and it gets the same answer.
                Item::Accept(accept)
                    if accept
                        .item
                        .key
                        .as_ref()
                        .is_some_and(|key| !keys.insert(key.key_hash.clone())) =>
                {
                    batches.push(Batch { accepts: vec![accept], ..Batch::default() });
                }
                Item::Accept(accept) => shared.accepts.push(accept),
                Item::Finish(finished) => shared.finished.push(finished),
                Item::Close => self.queue.close(),
            }
        }
        batches.insert(0, shared);
        batches
    }

    /// May other nodes write to this database?
    pub(super) fn has_peers(&self) -> bool {
        self.db.is_postgres()
    }

    /// Writes a batch and answers all its callers. Never fails: errors go to the callers.
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
        let timeout = self.db.answer_timeout();
        let commit = self.commit_together(&mut batch);
        let outcome =
            tokio::time::timeout(timeout, commit).await.unwrap_or_else(|_| Err(Error::timed_out()));
        match outcome {
            Ok(recorded) => {
                self.report_writes(&recorded);
                self.last_commit = self.clock.stopwatch();
                // Send the notices before answering the callers.
                self.context
                    .notices
                    .send(self.conn.as_mut().map(Conn::take_notices).unwrap_or_default());
                if std::mem::take(&mut self.must_reconnect) {
                    self.conn = None;
                }
                answer_all(batch, Ok(recorded));
            }
            Err(error) => self.fail(error, batch),
        }
    }

    /// The database failed: answers every caller with the error, closes the connection and discards
    /// the cache that was read on it.
    fn fail(&mut self, error: Error, batch: Batch) {
        self.context.listeners.forget();
        // Close the connection: it may have an open transaction. The transaction may have been
        // committed all the same, so send its notices as hints, which are harmless if it was not.
        if let Some(mut broken) = self.conn.take() {
            self.context
                .notices
                .send(broken.take_notices().into_iter().map(Notice::into_hint).collect());
        }
        metrics::commit_failed();
        tracing::error!(error = chain(&error), commands = batch.len(), "a commit failed");
        self.context.writes.failed(&error, self.clock.now());
        answer_all(batch, Err(error));
    }

    /// After a panic: closes the connections and discards the cache, which may be incomplete. The
    /// transaction may have been committed, so its notices are sent as hints.
    pub(super) fn reset(&mut self) {
        self.context.listeners.forget();
        #[cfg(feature = "sqlite")]
        {
            self.bulk_conn = None;
        }
        if let Some(mut broken) = self.conn.take() {
            self.context
                .notices
                .send(broken.take_notices().into_iter().map(Notice::into_hint).collect());
        }
    }

    /// Reports to [`Writes`](crate::engine::store::failing) whether the database accepts writes.
    /// Only recorded attempts prove that; a command may have written nothing.
    fn report_writes(&self, recorded: &[Result<Recorded, Error>]) {
        let mut errors = recorded.iter().filter_map(|answer| answer.as_ref().err());
        if let Some(error) = errors.find(|error| error.is_unwritable()) {
            self.context.writes.failed(error, self.clock.now());
        } else if recorded.iter().any(Result::is_ok) {
            self.context.writes.succeeded();
        }
    }

    /// Begins a transaction. If the connection was lost while it was idle, opens a new one: nothing
    /// was in progress, so no caller has to fail.
    async fn begin(&mut self) -> Result<(), Error> {
        if let Some(mut conn) = self.conn.take() {
            match conn.begin().await {
                Ok(()) => {
                    self.conn = Some(conn);
                    return Ok(());
                }
                Err(error) if !error.is_lost_connection() => return Err(error),
                Err(error) => {
                    tracing::warn!(
                        error = chain(&error),
                        "the write connection was lost; reconnecting"
                    );
                }
            }
        }
        self.connect().await?.begin().await
    }

    /// Replaces the write connection by a new one.
    async fn connect(&mut self) -> Result<&mut Conn, Error> {
        #[cfg_attr(
            not(feature = "postgres"),
            expect(unused_mut, reason = "only a connection to PostgreSQL is prepared")
        )]
        let mut conn = self.db.connect_unpooled().await?;
        #[cfg(feature = "postgres")]
        {
            conn.prefer_index_plans().await?;
            self.backend = conn.backend().await?;
        }
        Ok(self.conn.insert(conn))
    }

    /// Runs and commits a batch in one transaction, each command in a savepoint. A batch without
    /// commands is first tried without savepoints.
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
                    // The health of hooks may have changed, and with it what they accept.
                    context.listeners.mark_stale();
                    return Ok(recorded);
                }
                // An attempt or the connection is at fault: retry with savepoints.
                Err(error) => {
                    *must_reconnect |= matches!(error, Error::Panicked);
                    conn.control("ROLLBACK").await?;
                    conn.truncate_notices(0);
                    conn.begin().await?;
                }
            }
        }
        for command in &mut batch.commands {
            conn.control("SAVEPOINT command").await?;
            let notices_before = conn.notice_count();
            let ran = catch_panic(async { Ok(command.run(conn).await) }).await;
            *must_reconnect |= ran.is_err();
            if !ran.unwrap_or(false) {
                conn.control("ROLLBACK TO SAVEPOINT command").await?;
                conn.truncate_notices(notices_before);
            }
            conn.control("RELEASE SAVEPOINT command").await?;
        }
        let recorded = record(conn, &batch.finished).await?;
        *must_reconnect |= recorded.iter().any(|answer| matches!(answer, Err(Error::Panicked)));
        conn.control("COMMIT").await?;
        context.listeners.mark_stale();
        Ok(recorded)
    }
}

/// Answers every caller of a batch, after the commit or its failure. The batch may contain accepts
/// only if it failed: bulk writes answer their accepts themselves.
fn answer_all(batch: Batch, outcome: Result<Vec<Result<Recorded, Error>>, Error>) {
    let commit = outcome.as_ref().map(drop).map_err(Error::clone);
    for command in batch.commands {
        command.answer(commit.clone());
    }
    // Callers may have been cancelled. Their commands took effect all the same.
    match outcome {
        Ok(recorded) => {
            for (waiting, answer) in batch.finished.into_iter().zip(recorded) {
                let _cancelled = waiting.caller.send(answer);
            }
        }
        Err(error) => {
            for waiting in batch.accepts {
                let _cancelled = waiting.caller.send(Err(error.clone()));
            }
            for waiting in batch.finished {
                let _cancelled = waiting.caller.send(Err(error.clone()));
            }
        }
    }
}
