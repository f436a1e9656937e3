//! All SQL, and nothing but SQL: one room for each noun. Statements are one text for SQLite and
//! PostgreSQL; `db`, `migrate`, `claim`, `wake`, `space` and the two of `commit` alone may know
//! which it is. Reads take a read connection; writes happen only inside a command of the
//! [`writer`]. Functions that serve people or programs ask for a
//! [`Grant`](crate::domain::permission::Grant). No function here holds a transaction across
//! anything but SQL.

pub mod attempts;
pub mod audit;
pub mod balance;
pub mod bodies;
pub mod claim;
mod commit;
pub mod db;
pub mod deliveries;
pub mod due;
pub mod error;
pub mod events;
pub mod expired;
pub mod failing;
pub mod files;
pub mod finished;
pub mod fit;
pub mod forward;
pub mod health;
pub mod hooks;
pub mod idempotency;
pub mod jobs;
mod key;
pub mod lines;
pub mod listeners;
pub mod log;
pub mod measured;
mod migrate;
pub mod once;
pub mod open;
pub mod outcomes;
pub mod queue;
#[cfg(feature = "postgres")]
mod reach;
mod reserve;
pub mod retention;
pub mod rewind;
mod rows;
pub mod secrets;
pub mod space;
pub mod steps;
pub mod told;
pub mod wake;
pub mod weight;
pub mod writer;

use std::{path::Path, sync::Arc};

use futures::future::BoxFuture;
use tokio::{sync::Mutex, task::JoinHandle};

pub use db::{Conn, Db};
pub use error::Error;

use super::{clock::random_bytes, config::Settings};
use crate::domain::time::Timestamp;
use claim::FileClaim;
use events::{Accept, Answer};
use failing::{Failing, Writes};
use files::Turn;
use finished::{Finished, Recorded};
pub(super) use reserve::Restored;
use reserve::{Made, Reserve};
use secrets::Vault;
use told::Audience;
use writer::Writer;

/// Counters that processes on one database spread over: so many that hardly any two wait for each
/// other's commits.
const SHARDS: u16 = 1024;

/// The data folder, if this database or its key is kept there.
fn folder_of_ours<'s>(settings: &'s Settings, database: &Path) -> Option<&'s Path> {
    let folder = settings.data_dir.as_path();
    (settings.master_key_file.is_none() || database.starts_with(folder)).then_some(folder)
}

/// An open, migrated database with its writer and its key. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    writer: Writer,
    writes: Writes,
    /// Who hears what was committed.
    pub(super) audience: Audience,
    pub vault: Vault,
    writing: Arc<Mutex<Option<JoinHandle<()>>>>,
    claim: Arc<Mutex<Option<FileClaim>>>,
    shard: i64,
}

impl Store {
    /// Opens and migrates the database of the settings and loads the master key. Refuses a key that
    /// does not fit.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let url = settings.database_url();
        let turn = match files::sqlite_file(&url) {
            Some(file) => Some(
                Turn::take(&file, folder_of_ours(settings, &file), url.contains("vfs=")).await?,
            ),
            None => None,
        };
        let db = Db::open(&url).await?;
        migrate::migrate(&db).await?;
        let vault = key::settle(&db, settings).await?;
        if let Some(turn) = turn {
            turn.done()?;
        }
        let shard = if db.is_postgres() {
            i64::from(u16::from_le_bytes(random_bytes()) % SHARDS)
        } else {
            0
        };
        let writes = Writes::default();
        let audience = Audience::default();
        let (writer, task) = Writer::start(db.clone(), shard, writes.clone(), audience.clone());
        let writing = Arc::new(Mutex::new(Some(task)));
        Ok(Self { db, writer, writes, audience, vault, writing, claim: Arc::default(), shard })
    }

    /// Makes sure that no other process delivers from this database, which keeps this much space in
    /// reserve from now on.
    pub(super) async fn claim(&self, reserve_bytes: u64) -> Result<(), Error> {
        *self.claim.lock().await = claim::claim_file(&self.db)?;
        self.db.bound_reads();
        match self.db.file().map(|file| Reserve::beside(file, reserve_bytes)) {
            // There may be a file from before the setting was 0.
            Some(unwanted) if reserve_bytes == 0 => unwanted.release(),
            Some(reserve) => self.writes.keep(reserve),
            None => {}
        }
        Ok(())
    }

    /// Makes the reserve's file if it is missing and the disk has room. New events are accepted
    /// again if it had been released, and refused if there is hardly any room at the start.
    pub(super) async fn restore_reserve(&self, now: Timestamp) -> Result<Restored, Error> {
        let Some(reserve) = self.writes.reserve() else { return Ok(Restored::WasThere) };
        let was_full = self.writes.refuses_events();
        let making = reserve.clone();
        let made = tokio::task::spawn_blocking(move || making.make(!was_full)).await;
        let made =
            made.map_err(|_| Error::Panicked)?.map_err(|error| Error::Unfit(error.to_string()))?;
        if !was_full && self.writes.refuses_events() {
            // The disk became full while the file was being made, and it was released before it was
            // there.
            reserve.release();
            return Ok(Restored::NoRoom);
        }
        match made {
            Made::Whole if was_full => {}
            Made::Whole => return Ok(Restored::WasThere),
            Made::Part(bytes) => return Ok(Restored::Part(bytes)),
            Made::Nothing => {
                if !was_full {
                    self.writes.lack_reserve(now);
                }
                return Ok(Restored::NoRoom);
            }
        }
        // Free space does not prove that a write succeeds: there may be a quota.
        self.try_writing().await.inspect_err(|_| reserve.release())?;
        self.writes.restored();
        Ok(Restored::Again)
    }

    /// Bytes of the reserve's file; `None` on PostgreSQL, which has none.
    pub fn reserve_held(&self) -> Option<u64> {
        self.db.file().map(|file| Reserve::beside(file, 0).held())
    }

    /// See [`Writes::wants_room`].
    pub(super) fn wants_room(&self) -> impl Future<Output = ()> {
        self.writes.wants_room()
    }

    /// Does this process's master key still open what is sealed in the database? One small read.
    pub async fn key_fits(&self) -> Result<bool, Error> {
        key::fits(&mut self.read().await?, &self.vault).await
    }

    /// See [`Db::replication`].
    #[cfg(feature = "postgres")]
    pub async fn replication(&self) -> Result<Option<db::Replication>, Error> {
        self.db.replication().await
    }

    /// See [`Db::about`].
    pub async fn about(&self) -> Result<space::About, Error> {
        self.db.about().await
    }

    /// Makes a SQLite file as small as what it holds; see [`space::compact`]. Only without a
    /// server.
    pub async fn compact(&self) -> Result<(), Error> {
        let claim = claim::claim_file(&self.db)?;
        let compacted = space::compact(&self.db).await;
        claim.into_iter().for_each(FileClaim::release);
        compacted
    }

    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// Which of the counters this process adds to.
    pub(super) fn shard(&self) -> i64 {
        self.shard
    }

    /// Since when nothing can be written, if that is so; as the writer last saw it.
    pub fn failing(&self) -> Option<Failing> {
        self.writes.failing()
    }

    /// The writing task is gone although the store was not closed: nothing can be written until the
    /// process is started again.
    pub(super) fn writer_has_ended(&self) -> bool {
        self.writer.has_ended()
    }

    /// Resolves when it is.
    pub(super) async fn writer_ended(&self) {
        self.writer.ended().await;
    }

    /// Writes something small, to see whether that can be done again.
    pub(super) async fn try_writing(&self) -> Result<(), Error> {
        let shard = self.shard;
        self.write(move |conn| Box::pin(balance::touch(conn, shard)))
            .await
            .inspect(|()| self.writes.went_well())
    }

    /// See [`Writer::accept`].
    pub(super) async fn accept(&self, accept: Accept) -> Result<Answer, Error> {
        if self.writes.refuses_events() {
            return Err(Error::DiskFull);
        }
        self.writer.accept(accept).await
    }

    /// See [`Writer::finish`].
    pub(super) async fn finish(&self, finished: Finished) -> Result<Recorded, Error> {
        self.writer.finish(finished).await
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Conn, Error> {
        self.db.read().await
    }

    /// See [`Db::read_for_lanes`].
    pub(super) async fn read_for_lanes(&self) -> Result<Conn, Error> {
        self.db.read_for_lanes().await
    }

    /// Runs `work` in a transaction of the one writer; see [`Writer::run`].
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + From<Error> + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.writer.run(work).await
    }

    /// See [`Writer::run_alone`]: for changes of hooks and of jobs.
    pub async fn write_alone<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + From<Error> + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.writer.run_alone(work).await
    }

    /// Writes what is queued, then closes the pools.
    pub async fn close(self) {
        self.writer.close().await;
        if let Some(task) = self.writing.lock().await.take() {
            let _panicked = task.await;
        }
        if let Some(claim) = self.claim.lock().await.take() {
            claim.release();
        }
        self.db.close().await;
    }
}
