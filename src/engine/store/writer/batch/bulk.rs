//! The fast path of the writer: the part of a batch that is written in a single round trip to the
//! database; see [`commit`](crate::engine::store::commit). Start reading at
//! [`WriterTask::write_in_bulk`].

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

use super::{Accepting, Batch, Finishing, WriterTask, answer_all};
use crate::engine::store::{
    commit::Unwritten,
    db::Db,
    error::Error,
    events::{self, Accept, Answer, Planned},
    finished::{Finished, Recorded},
    idempotency::{self, IdempotencyKey},
};

/// A connection that was idle for longer is checked before it is used again. Under load this never
/// happens.
const CHECK_AFTER_IDLE: Duration = Duration::from_millis(100);

/// How often an accept is tried alone before its caller gets an error.
const MAX_TRIES: usize = 3;

/// For each accept, the deliveries of each of its events.
type Plans = Vec<Vec<Vec<Planned>>>;

/// The items of a bulk write: accepts, and successful attempts at healthy hooks.
pub(super) struct Bulk {
    accepts: Vec<Accepting>,
    finished: Vec<Finishing>,
}

impl Bulk {
    fn is_empty(&self) -> bool {
        self.accepts.is_empty() && self.finished.is_empty()
    }

    pub(super) fn accepts(&self) -> Vec<&Accept> {
        self.accepts.iter().map(|waiting| &waiting.item).collect()
    }

    pub(super) fn finished(&self) -> Vec<&Finished> {
        self.finished.iter().map(|waiting| &waiting.item).collect()
    }
}

impl From<Bulk> for Batch {
    fn from(Bulk { accepts, finished }: Bulk) -> Self {
        Self { commands: Vec::new(), accepts, finished }
    }
}

impl WriterTask {
    /// Writes all accepts and successful attempts of a batch in one round trip, if possible.
    /// Returns what has to be written in a transaction with savepoints: the commands, and other
    /// attempts.
    pub(super) async fn write_in_bulk(&mut self, mut batch: Batch) -> Batch {
        let (for_bulk, health_changing) =
            batch.finished.into_iter().partition(|waiting| waiting.item.leaves_health_unchanged());
        batch.finished = health_changing;
        let bulk = Bulk { accepts: std::mem::take(&mut batch.accepts), finished: for_bulk };
        let Some((mut refused, _)) = self.write_bulk(bulk).await else { return batch };
        batch.finished.append(&mut refused.finished);
        // Usually a hook changed or an attempt was at fault. Then the accepts alone succeed in a
        // second round trip.
        let Some((refused, _)) = self.write_bulk(refused).await else { return batch };
        for waiting in refused.accepts {
            self.accept_alone(waiting).await;
        }
        batch
    }

    /// Writes one accept alone, after the bulk write that contained it failed. Retries a few times:
    /// another node may use the same idempotency key meanwhile, or a hook may change again.
    async fn accept_alone(&mut self, waiting: Accepting) {
        let is_keyed = waiting.item.key.is_some();
        let mut bulk = Bulk { accepts: vec![waiting], finished: Vec::new() };
        for tries_left in (0..MAX_TRIES).rev() {
            let Some((unwritten, fault)) = self.write_bulk(bulk).await else { return };
            match fault {
                // Without a key, a constraint violation is permanent. With a key, the other node's
                // answer is found at the next try.
                Some(error) if !is_keyed || tries_left == 0 => {
                    return answer_all(unwritten.into(), Err(error));
                }
                None if tries_left == 0 => {
                    return answer_all(unwritten.into(), Err(Error::timed_out()));
                }
                Some(_) | None => bulk = unwritten,
            }
        }
    }

    /// Writes and commits all items and answers their callers; then returns `None`. If nothing was
    /// written, returns the items for another try: with the constraint violation, or with `None` if
    /// the plan was stale.
    ///
    /// Returns `None` also if the database failed: the callers have been answered with the error.
    async fn write_bulk(&mut self, mut bulk: Bulk) -> Option<(Bulk, Option<Error>)> {
        if bulk.is_empty() {
            return None;
        }
        let timeout = self.db.answer_timeout();
        let prepared = tokio::time::timeout(timeout, self.prepare(&mut bulk)).await;
        if let Err(error) = prepared.unwrap_or_else(|_| Err(Error::timed_out())) {
            self.fail(error, bulk.into());
            return None;
        }
        if bulk.is_empty() {
            return None;
        }
        let plans = events::plan(&self.context.listeners, &bulk.accepts());
        let (bulk, written) = match &self.db {
            #[cfg(feature = "sqlite")]
            Db::Sqlite { .. } => self.write_sqlite(bulk, plans).await?,
            #[cfg(feature = "postgres")]
            Db::Postgres { .. } => self.write_postgres(bulk, plans).await,
        };
        match written {
            Ok(plans) => {
                self.announce(bulk, plans);
                None
            }
            Err(Unwritten::Fault(error)) if !error.is_unwritable() => Some((bulk, Some(error))),
            Err(Unwritten::Stale) => Some((bulk, None)),
            Err(Unwritten::Fault(error) | Unwritten::Failed(error) | Unwritten::Unknown(error)) => {
                self.fail(error, bulk.into());
                None
            }
        }
    }

    /// After the commit: sends the notices to the lanes, then answers the callers.
    fn announce(&mut self, bulk: Bulk, plans: Plans) {
        self.last_commit = self.clock.stopwatch();
        self.context.writes.succeeded();
        let accepted = bulk.accepts.iter().zip(&plans);
        let notices =
            accepted.flat_map(|(waiting, planned)| events::notices(&waiting.item, planned));
        self.context.notices.send(notices.collect());
        // Callers may have been cancelled. Their commands took effect all the same.
        for (waiting, planned) in bulk.accepts.into_iter().zip(plans) {
            let _cancelled = waiting.caller.send(Ok(Answer::New(planned)));
        }
        for waiting in bulk.finished {
            let recorded = Recorded::Stored { health: None, is_off: false };
            let _cancelled = waiting.caller.send(Ok(recorded));
        }
    }

    /// Reads what planning needs: refreshes the cache of hooks, and answers accepts whose
    /// idempotency keys were used before.
    async fn prepare(&mut self, bulk: &mut Bulk) -> Result<(), Error> {
        self.check_connection().await?;
        // Only accepts need the hooks. If a hook cannot be read, attempts must still be recorded.
        if !bulk.accepts.is_empty() {
            self.refresh_listeners().await?;
        }
        if bulk.accepts.iter().any(|waiting| waiting.item.key.is_some()) {
            self.answer_used_keys(bulk).await?;
        }
        Ok(())
    }

    /// On PostgreSQL: replaces a connection that was lost while it was idle, before the commit
    /// starts. Otherwise the outcome of the commit would be unknown.
    async fn check_connection(&mut self) -> Result<(), Error> {
        if !self.has_peers() {
            return Ok(());
        }
        if self.last_commit.elapsed() > CHECK_AFTER_IDLE {
            self.begin().await?;
            if let Some(conn) = &mut self.conn {
                conn.control("ROLLBACK").await?;
            }
        }
        if self.conn.is_none() {
            self.connect().await?;
        }
        Ok(())
    }

    /// Refreshes the cache of hooks if it is marked stale. On SQLite only this process changes
    /// hooks, so the cache is valid until then. On PostgreSQL other nodes do, and the bulk
    /// statement checks the version.
    async fn refresh_listeners(&mut self) -> Result<(), Error> {
        if self.context.listeners.version().is_some() {
            return Ok(());
        }
        if self.conn.is_none() {
            self.connect().await?;
        }
        let Self { conn: Some(conn), context, .. } = self else { return Ok(()) };
        context.listeners.refresh(conn).await
    }

    /// Removes accepts whose idempotency keys were used before, and answers them with the stored
    /// answers. (If two nodes use a key concurrently, the second commit violates the unique key.)
    async fn answer_used_keys(&mut self, bulk: &mut Bulk) -> Result<(), Error> {
        if self.conn.is_none() {
            self.connect().await?;
        }
        let Some(conn) = &mut self.conn else { return Ok(()) };
        let keys: Vec<&IdempotencyKey> =
            bulk.accepts.iter().filter_map(|waiting| waiting.item.key.as_ref()).collect();
        let Some(now) = bulk.accepts.first().map(|waiting| waiting.item.clock.now()) else {
            return Ok(());
        };
        let used = idempotency::look_up(conn, &keys, now).await?;
        for waiting in std::mem::take(&mut bulk.accepts) {
            let stored_answer = waiting
                .item
                .key
                .as_ref()
                .and_then(|key| Some(used.get(&key.key_hash)?.answer_to(key)));
            let answer = match stored_answer {
                None => {
                    bulk.accepts.push(waiting);
                    continue;
                }
                Some(Err(error)) => Err(error),
                Some(Ok(text)) => serde_json::from_str(text)
                    .map(Answer::Repeated)
                    .map_err(|_| Error::Inconsistent { table: "idempotency", column: "answer" }),
            };
            // If the caller was cancelled, it may repeat the request.
            let _cancelled = waiting.caller.send(answer);
        }
        Ok(())
    }
}
