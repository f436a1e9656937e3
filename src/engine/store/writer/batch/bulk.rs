//! Bulk writes: the part of a batch that is written in a single round trip to the database.
//! See [`commit`].

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

use super::{Accepting, Batch, Finishing, WriterTask, settle};
use crate::engine::store::{
    commit::Unwritten,
    db::Db,
    error::Error,
    events::{self, Accept, Answer, Planned},
    finished::{Finished, Recorded},
    idempotency::{self, IdempotencyKey},
};

/// A connection that was idle for longer is checked before its next use. Under load that never
/// happens.
const CHECK_AFTER_IDLE: Duration = Duration::from_millis(100);

/// How often an accept is tried by itself.
const TRIES: usize = 3;

/// For each accept, what each of its events becomes.
type Plans = Vec<Vec<Vec<Planned>>>;

/// The accepts, and the attempts that succeeded at hooks that were well.
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
    /// Writes in one round trip what it can, and returns the rest.
    pub(super) async fn write_in_bulk(&mut self, mut batch: Batch) -> Batch {
        let (bulk, turning) =
            batch.finished.into_iter().partition(|waiting| waiting.item.changes_nothing());
        batch.finished = turning;
        let bulk = Bulk { accepts: std::mem::take(&mut batch.accepts), finished: bulk };
        let Some((mut refused, _)) = self.write_bulk(bulk).await else { return batch };
        batch.finished.append(&mut refused.finished);
        // The usual causes are that a hook changed or that an attempt was at fault: then the
        // accepts fit in a second round trip.
        let Some((refused, _)) = self.write_bulk(refused).await else { return batch };
        for waiting in refused.accepts {
            self.accept_alone(waiting).await;
        }
        batch
    }

    /// Writes one accept by itself, after the batch that held it was refused. It is tried a few
    /// times: meanwhile another node may use the same idempotency key, or a hook may change again.
    async fn accept_alone(&mut self, waiting: Accepting) {
        let is_keyed = waiting.item.key.is_some();
        let mut bulk = Bulk { accepts: vec![waiting], finished: Vec::new() };
        for tries_left in (0..TRIES).rev() {
            let Some((again, fault)) = self.write_bulk(bulk).await else { return };
            match fault {
                Some(error) if !is_keyed || tries_left == 0 => {
                    return settle(again.into(), Err(error));
                }
                None if tries_left == 0 => return settle(again.into(), Err(Error::silent())),
                Some(_) | None => bulk = again,
            }
        }
    }

    /// Writes all of it, or returns it unwritten: with the constraint violation, or `None` if the
    /// plan was stale.
    ///
    /// `None` also when the database failed: the callers know by then.
    async fn write_bulk(&mut self, mut bulk: Bulk) -> Option<(Bulk, Option<Error>)> {
        if bulk.is_empty() {
            return None;
        }
        let known = tokio::time::timeout(self.db.patience(), self.prepare(&mut bulk)).await;
        if let Err(error) = known.unwrap_or_else(|_| Err(Error::silent())) {
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
                self.written(bulk, plans);
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

    /// Tells lanes what came, before any caller hears of it.
    fn written(&mut self, bulk: Bulk, plans: Plans) {
        self.used = self.clock.stopwatch();
        self.context.writes.went_well();
        let offers = bulk.accepts.iter().zip(&plans);
        let offers = offers.flat_map(|(waiting, planned)| events::offers(&waiting.item, planned));
        self.context.audience.tell(offers.collect());
        // A caller may be gone; what it asked for has happened all the same.
        for (waiting, planned) in bulk.accepts.into_iter().zip(plans) {
            let _gone = waiting.caller.send(Ok(Answer::New(planned)));
        }
        for waiting in bulk.finished {
            let _gone = waiting.caller.send(Ok(Recorded::Kept { health: None, is_off: false }));
        }
    }

    /// Reads what planning needs: the listeners, and the answers to idempotency keys that were used
    /// before.
    async fn prepare(&mut self, bulk: &mut Bulk) -> Result<(), Error> {
        self.check_connection().await?;
        // Outcomes need no listeners: what is wrong with a hook must not keep them from being
        // recorded.
        if !bulk.accepts.is_empty() {
            self.refresh_listeners().await?;
        }
        if bulk.accepts.iter().any(|waiting| waiting.item.key.is_some()) {
            self.answer_used_keys(bulk).await?;
        }
        Ok(())
    }

    /// A connection that was cut while it had nothing to do is found out, and replaced, before
    /// anything is begun.
    async fn check_connection(&mut self) -> Result<(), Error> {
        if !self.is_shared() {
            return Ok(());
        }
        if self.used.elapsed() > CHECK_AFTER_IDLE {
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

    /// Brings the listeners up to date. On SQLite no other process writes hooks, so they are valid
    /// until this one writes. On PostgreSQL the statement itself checks their version.
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

    /// Answers the accepts whose keys were used before; nothing is written for them, and no lane
    /// hears of them. (Where two nodes get one key at once, the second one's commit finds out.)
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
            let known = waiting
                .item
                .key
                .as_ref()
                .and_then(|key| Some(used.get(&key.key_hash)?.answer_to(key)));
            let answer = match known {
                None => {
                    bulk.accepts.push(waiting);
                    continue;
                }
                Some(Err(error)) => Err(error),
                Some(Ok(text)) => serde_json::from_str(text)
                    .map(Answer::Again)
                    .map_err(|_| Error::Inconsistent { table: "idempotency", column: "answer" }),
            };
            // The caller may be gone; it asks again if it must.
            let _gone = waiting.caller.send(answer);
        }
        Ok(())
    }
}
