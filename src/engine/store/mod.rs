//! All SQL of the engine, and nothing but SQL: one module for each noun.
//!
//! Each statement is one text for SQLite and PostgreSQL. Only `db`, `migrate`, `claim`, `wake`,
//! `space` and the two engine-specific files of `commit` may know which of them is in use.
//!
//! Reads use a read connection. Writes happen only in commands of the [`writer`]. Functions that
//! serve people or programs require a [`Grant`](crate::domain::permission::Grant). No function here
//! keeps a transaction open across anything but SQL.

pub mod attempts;
pub mod audit;
pub mod backlog;
pub mod balance;
pub mod bodies;
pub mod claim;
mod commit;
pub mod db;
pub mod deliveries;
pub mod dismissals;
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
pub mod job_results;
pub mod jobs;
mod key;
pub mod lines;
pub mod listeners;
pub mod log;
pub mod lookup;
pub mod measured;
mod migrate;
pub mod notices;
pub mod once;
pub mod open;
pub mod outcomes;
pub mod past;
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
pub mod unheard;
pub mod wake;
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
use files::OpeningLock;
use finished::{Finished, Recorded};
use notices::NoticeSink;
pub(super) use reserve::Restored;
use reserve::{Allocated, Reserve};
use secrets::Vault;
use writer::Writer;

/// Shards of a counter. Each process adds to one shard, chosen at random at start, so that commits
/// of different nodes hardly ever wait for the same counter row.
const SHARDS: u16 = 1024;

/// The data directory, if the database or its master key is kept in it.
fn own_data_dir<'s>(settings: &'s Settings, database: &Path) -> Option<&'s Path> {
    let folder = settings.data_dir.as_path();
    (settings.master_key_file.is_none() || database.starts_with(folder)).then_some(folder)
}

/// An open, migrated database with its writer task and its [`Vault`]. Cheap to clone; clones share
/// everything.
#[derive(Clone)]
pub struct Store {
    db: Db,
    writer: Writer,
    writes: Writes,
    /// Where the writer sends its notices after a commit.
    pub(super) notices: NoticeSink,
    pub vault: Vault,
    writer_task: Arc<Mutex<Option<JoinHandle<()>>>>,
    claim: Arc<Mutex<Option<FileClaim>>>,
    shard: i64,
}

impl Store {
    /// Opens and migrates the configured database and loads the master key. Fails with
    /// [`Error::Unfit`] if the key does not open what is sealed in the database.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let url = settings.database_url();
        let opening_lock = match files::sqlite_file(&url) {
            Some(file) => {
                let data_dir = own_data_dir(settings, &file);
                Some(OpeningLock::acquire(&file, data_dir, url.contains("vfs=")).await?)
            }
            None => None,
        };
        let db = Db::open(&url).await?;
        migrate::migrate(&db).await?;
        let vault = key::open_vault(&db, settings).await?;
        if let Some(opening_lock) = opening_lock {
            opening_lock.finish()?;
        }
        let shard = if db.is_postgres() {
            i64::from(u16::from_le_bytes(random_bytes()) % SHARDS)
        } else {
            0
        };
        let writes = Writes::default();
        let notices = NoticeSink::default();
        let (writer, task) = Writer::start(db.clone(), shard, writes.clone(), notices.clone());
        let writer_task = Arc::new(Mutex::new(Some(task)));
        Ok(Self { db, writer, writes, notices, vault, writer_task, claim: Arc::default(), shard })
    }

    /// Locks the database against other processes that would deliver from it (SQLite only), and
    /// sets how much disk space is held in reserve from now on.
    pub(super) async fn claim(&self, reserve_bytes: u64) -> Result<(), Error> {
        *self.claim.lock().await = claim::claim_file(&self.db)?;
        self.db.limit_reads();
        match self.db.file().map(|file| Reserve::beside(file, reserve_bytes)) {
            // The setting may have been larger at an earlier start: remove the file.
            Some(unwanted) if reserve_bytes == 0 => unwanted.release(),
            Some(reserve) => self.writes.set_reserve(reserve),
            None => {}
        }
        Ok(())
    }

    /// Allocates the reserve file if it is missing and the disk has space. If it had been released
    /// because the disk was full, new events are accepted again. If there is hardly any space at
    /// start, events are refused.
    pub(super) async fn restore_reserve(&self, now: Timestamp) -> Result<Restored, Error> {
        let Some(reserve) = self.writes.reserve() else { return Ok(Restored::Unchanged) };
        let was_full = self.writes.refuses_events();
        let reserve_to_make = reserve.clone();
        let made = tokio::task::spawn_blocking(move || reserve_to_make.make(!was_full)).await;
        let made =
            made.map_err(|_| Error::Panicked)?.map_err(|error| Error::Unfit(error.to_string()))?;
        if !was_full && self.writes.refuses_events() {
            // The disk became full while the file was being written, so the writer released the
            // reserve before the file was complete.
            reserve.release();
            return Ok(Restored::NoSpace);
        }
        match made {
            Allocated::Full if was_full => {}
            Allocated::Full => return Ok(Restored::Unchanged),
            Allocated::Partial(bytes) => return Ok(Restored::Partial(bytes)),
            Allocated::Nothing => {
                if !was_full {
                    self.writes.no_space_for_reserve(now);
                }
                return Ok(Restored::NoSpace);
            }
        }
        // Free space does not prove that a write succeeds: a quota may apply.
        self.try_writing().await.inspect_err(|_| reserve.release())?;
        self.writes.reserve_restored();
        Ok(Restored::Recreated)
    }

    /// Size of the reserve file in bytes; `None` on PostgreSQL, which has no reserve.
    pub fn reserve_bytes(&self) -> Option<u64> {
        self.db.file().map(|file| Reserve::beside(file, 0).size())
    }

    /// See [`Writes::disk_became_full`].
    pub(super) fn disk_became_full(&self) -> impl Future<Output = ()> {
        self.writes.disk_became_full()
    }

    /// Does this process's master key still open the known value in the database? One small read.
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

    /// Shrinks a SQLite file to the size of its content; see [`space::compact`]. Fails while a
    /// server uses the file.
    pub async fn compact(&self) -> Result<(), Error> {
        let claim = claim::claim_file(&self.db)?;
        let compacted = space::compact(&self.db).await;
        claim.into_iter().for_each(FileClaim::release);
        compacted
    }

    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// The counter shard of this process.
    pub(super) fn shard(&self) -> i64 {
        self.shard
    }

    /// Since when writes fail, if they do, as the writer last saw it.
    pub fn failing(&self) -> Option<Failing> {
        self.writes.failing()
    }

    /// The writer task ended although the store was not closed. Nothing can be written until the
    /// process is restarted.
    pub(super) fn writer_has_ended(&self) -> bool {
        self.writer.has_ended()
    }

    /// Resolves when the writer task has ended; see [`Self::writer_has_ended`].
    pub(super) async fn writer_ended(&self) {
        self.writer.ended().await;
    }

    /// Writes one small row to test whether writes succeed again.
    pub(super) async fn try_writing(&self) -> Result<(), Error> {
        let shard = self.shard;
        self.write(move |conn| Box::pin(balance::touch(conn, shard)))
            .await
            .inspect(|()| self.writes.succeeded())
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

    /// A read connection from the pool.
    pub async fn read(&self) -> Result<Conn, Error> {
        self.db.read().await
    }

    /// See [`Db::read_for_lanes`].
    pub(super) async fn read_for_lanes(&self) -> Result<Conn, Error> {
        self.db.read_for_lanes().await
    }

    /// Runs `work` as a command of the single writer, whose transaction it may share with others;
    /// see [`Writer::run`].
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + From<Error> + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.writer.run(work).await
    }

    /// Like [`Self::write`] but in a transaction of its own, for changes of hooks and jobs; see
    /// [`Writer::run_alone`].
    pub async fn write_alone<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + From<Error> + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.writer.run_alone(work).await
    }

    /// Commits the queued commands, releases the lock on the file and closes the pools.
    pub async fn close(self) {
        self.writer.close().await;
        if let Some(task) = self.writer_task.lock().await.take() {
            let _panicked = task.await;
        }
        if let Some(claim) = self.claim.lock().await.take() {
            claim.release();
        }
        self.db.close().await;
    }
}
