//! The part of a batch that goes in one visit to the database, on either: see [`commit`].

use std::{panic::AssertUnwindSafe, time::Duration};

use super::{Accepting, Batch, Finishing, Hands, settle};
use crate::engine::store::{
    commit::{self, Unwritten, postgres::Guards, rows::Rows},
    db::Db,
    error::Error,
    events::{self, Accept, Answer, Planned},
    idempotency::{self, IdempotencyKey},
    outcomes::{Finished, Recorded},
};

/// How long a connection that was well is taken to be so. Under load it is never asked.
const TRUSTED: Duration = Duration::from_millis(100);

/// How often an accept is tried by itself.
const TRIES: usize = 3;

/// For each accept, what each of its events becomes.
type Plans = Vec<Vec<Vec<Planned>>>;

/// What of a batch goes in one visit.
pub(super) struct Plain {
    accepts: Vec<Accepting>,
    finished: Vec<Finishing>,
}

impl Plain {
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

impl From<Plain> for Batch {
    fn from(Plain { accepts, finished }: Plain) -> Self {
        Self { commands: Vec::new(), accepts, finished }
    }
}

impl Hands {
    /// Writes in one visit what can be, and returns the rest.
    pub(super) async fn visit(&mut self, mut batch: Batch) -> Batch {
        let (plain, turning) = batch.finished.into_iter().partition(|waiting| waiting.item.changes_nothing());
        batch.finished = turning;
        let plain = Plain { accepts: std::mem::take(&mut batch.accepts), finished: plain };
        let Some((mut refused, _)) = self.write_plain(plain).await else { return batch };
        batch.finished.append(&mut refused.finished);
        // Mostly a hook has changed, or one of the attempts was at fault: then all accepts go together now.
        let Some((refused, _)) = self.write_plain(refused).await else { return batch };
        for waiting in refused.accepts {
            self.accept_alone(waiting).await;
        }
        batch
    }

    /// Writes one accept by itself, after the batch that held it was refused. It is tried a few times: meanwhile another node
    /// may use the same idempotency key, or a hook may change again.
    async fn accept_alone(&mut self, waiting: Accepting) {
        let is_keyed = waiting.item.key.is_some();
        let mut plain = Plain { accepts: vec![waiting], finished: Vec::new() };
        for tries_left in (0..TRIES).rev() {
            let Some((again, fault)) = self.write_plain(plain).await else { return };
            match fault {
                Some(error) if !is_keyed || tries_left == 0 => return settle(again.into(), Err(error)),
                None if tries_left == 0 => return settle(again.into(), Err(Error::silent())),
                Some(_) | None => plain = again,
            }
        }
    }

    /// Writes all of it, or nothing: then returns it, and with it whose fault it is unless it only has to be planned anew.
    async fn write_plain(&mut self, mut plain: Plain) -> Option<(Plain, Option<Error>)> {
        if plain.is_empty() {
            return None;
        }
        let known = tokio::time::timeout(self.db.patience(), self.know_before(&mut plain)).await;
        if let Err(error) = known.unwrap_or_else(|_| Err(Error::silent())) {
            self.lose(error, plain.into());
            return None;
        }
        if plain.is_empty() {
            return None;
        }
        let plans = events::plan(&self.context.listeners, &plain.accepts());
        let (plain, written) = if self.is_shared() {
            let written = self.visit_postgres(&plain, &plans).await;
            (plain, written.map(|()| plans))
        } else {
            // `None` only while the runtime itself is taken down: nobody is left to answer.
            self.visit_sqlite(plain, plans).await?
        };
        match written {
            Ok(plans) => {
                self.written(plain, plans);
                None
            }
            Err(Unwritten::Fault(error)) if !error.is_unwritable() => Some((plain, Some(error))),
            Err(Unwritten::Unfit) => Some((plain, None)),
            Err(Unwritten::Fault(error) | Unwritten::Failed(error) | Unwritten::Unknown(error)) => {
                self.lose(error, plain.into());
                None
            }
        }
    }

    /// Tells lanes what came, before any caller hears of it.
    fn written(&mut self, plain: Plain, plans: Plans) {
        self.used = self.clock.stopwatch();
        self.context.writes.went_well();
        let offers = plain.accepts.iter().zip(&plans);
        let offers = offers.flat_map(|(waiting, planned)| events::offers(&waiting.item, planned));
        self.context.audience.tell(offers.collect());
        // A caller may be gone; what it asked for has happened all the same.
        for (waiting, planned) in plain.accepts.into_iter().zip(plans) {
            let _gone = waiting.caller.send(Ok(Answer::New(planned)));
        }
        for waiting in plain.finished {
            let _gone = waiting.caller.send(Ok(Recorded::Kept { health: None, is_off: false }));
        }
    }

    async fn visit_postgres(&mut self, plain: &Plain, plans: &Plans) -> Result<(), Unwritten> {
        let (patience, shard, version) = (self.db.patience(), self.context.shard, self.context.listeners.version());
        let (accepts, finished) = (plain.accepts(), plain.finished());
        let guards = Guards::new(version, &accepts, &finished);
        let rows = Rows::of(&accepts, plans, &finished);
        let commit = commit::postgres::commit(self.conn.as_mut(), shard, &guards, &rows);
        let written = tokio::time::timeout(patience, commit).await;
        let written = written.unwrap_or_else(|_| Err(Unwritten::Unknown(Error::silent())));
        if written.is_err() {
            // Perhaps they are what did not fit.
            self.context.listeners.distrust();
        }
        match written {
            Err(Unwritten::Unknown(error)) => self.find_out(plain, error).await,
            known => known,
        }
    }

    async fn visit_sqlite(&mut self, plain: Plain, plans: Plans) -> Option<(Plain, Result<Plans, Unwritten>)> {
        let (visitor, db, shard) = (self.visitor.take(), self.db.clone(), self.context.shard);
        let visited = tokio::task::spawn_blocking(move || {
            // A panic drops the connection and with it the open transaction; then it is written one by one.
            let visit = AssertUnwindSafe(|| visit_now(visitor, &db, shard, &plain, &plans));
            let panicked = |_| (None, Err(Unwritten::Fault(Error::Panicked)));
            let (visitor, written) = std::panic::catch_unwind(visit).unwrap_or_else(panicked);
            (visitor, plain, written.map(|()| plans))
        });
        let (visitor, plain, written) = visited.await.ok()?;
        self.visitor = visitor;
        Some((plain, written))
    }

    /// What must be known before it can be planned: who listens, and which keys were used before.
    async fn know_before(&mut self, plain: &mut Plain) -> Result<(), Error> {
        self.know_listeners().await?;
        if plain.accepts.iter().any(|waiting| waiting.item.key.is_some()) {
            self.answer_again(plain).await?;
        }
        Ok(())
    }

    /// What the next plans are made with. On SQLite no other process writes hooks: what was read is true until this one
    /// writes. On PostgreSQL the visit asks whether it still is.
    async fn know_listeners(&mut self) -> Result<(), Error> {
        if self.is_shared() && self.used.elapsed() > TRUSTED {
            // A connection that was cut while it had nothing to do is found out, and replaced, before anything is begun.
            self.begin().await?;
            if let Some(conn) = &mut self.conn {
                conn.control("ROLLBACK").await?;
            }
        }
        let is_there = self.conn.is_some() || !self.is_shared();
        if self.context.listeners.version().is_some() && is_there {
            return Ok(());
        }
        if self.conn.is_none() {
            self.connect().await?;
        }
        let Self { conn: Some(conn), context, .. } = self else { return Ok(()) };
        context.listeners.refresh(conn).await
    }

    /// Answers the accepts whose keys were used before; nothing is written for them, and no lane hears of them. (Where two
    /// nodes get one key at once, the second one's commit finds out.)
    async fn answer_again(&mut self, plain: &mut Plain) -> Result<(), Error> {
        if self.conn.is_none() {
            self.connect().await?;
        }
        let Some(conn) = &mut self.conn else { return Ok(()) };
        let keys: Vec<&IdempotencyKey> = plain.accepts.iter().filter_map(|waiting| waiting.item.key.as_ref()).collect();
        let Some(now) = plain.accepts.first().map(|waiting| waiting.item.clock.now()) else { return Ok(()) };
        let used = idempotency::look_up(conn, &keys, now).await?;
        for waiting in std::mem::take(&mut plain.accepts) {
            let known = waiting.item.key.as_ref().and_then(|key| Some(used.get(&key.key_hash)?.answer_to(key)));
            let answer = match known {
                None => {
                    plain.accepts.push(waiting);
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

/// The connection is given back where it can be used again.
fn visit_now(
    visitor: Option<rusqlite::Connection>,
    db: &Db,
    shard: i64,
    plain: &Plain,
    plans: &[Vec<Vec<Planned>>],
) -> (Option<rusqlite::Connection>, Result<(), Unwritten>) {
    let opened = match visitor {
        Some(visitor) => Some(Ok(visitor)),
        None => commit::sqlite::open(db),
    };
    let mut visitor = match opened {
        Some(Ok(visitor)) => visitor,
        Some(Err(unwritten)) => return (None, Err(unwritten)),
        None => return (None, Err(Unwritten::Failed(Error::Closed))),
    };
    let rows = Rows::of(&plain.accepts(), plans, &plain.finished());
    let written = commit::sqlite::commit(&mut visitor, shard, &rows);
    let is_broken = matches!(written, Err(Unwritten::Failed(_)));
    ((!is_broken).then_some(visitor), written)
}
