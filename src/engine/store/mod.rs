//! All SQL, and nothing but SQL: one room for each noun. Statements are one text for SQLite and PostgreSQL; `db`,
//! `migrate` (and, for many nodes, `claim` and `wake`) alone may know which it is. Reads take a read connection; writes
//! happen only inside a command of the [`writer`]. Functions that serve people or programs ask for a
//! [`Grant`](crate::domain::permission::Grant). No function here holds a transaction across anything but SQL.

pub mod attempts;
pub mod audit;
pub mod balance;
pub mod db;
pub mod deliveries;
pub mod drafts;
pub mod error;
pub mod events;
pub mod hooks;
pub mod idempotency;
mod migrate;
pub mod secrets;
pub mod sessions;
pub mod setup;
pub mod tokens;
pub mod users;
pub mod writer;

use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use tokio::{sync::Mutex, task::JoinHandle};

pub use db::{Conn, Db};
pub use error::Error;

use super::config::Settings;
use secrets::Vault;
use writer::Writer;

/// An open, migrated database with its writer and its key. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    writer: Writer,
    pub vault: Vault,
    writing: Arc<Mutex<Option<JoinHandle<()>>>>,
    alone: Arc<OnceLock<std::fs::File>>,
}

impl Store {
    /// Opens and migrates the database of the settings and loads the master key.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let db = Db::open(&settings.database_url()).await?;
        let key_file = settings.master_key_file.as_deref();
        let vault = secrets::load(key_file, &settings.data_dir, !db.is_postgres()).map_err(Error::Unfit)?;
        migrate::migrate(&db).await?;
        let (writer, task) = Writer::start(db.clone());
        Ok(Self { db, writer, vault, writing: Arc::new(Mutex::new(Some(task))), alone: Arc::default() })
    }

    /// Makes sure that no other process delivers from this SQLite file: what is in flight is known to one process only.
    /// The lock goes with the process, however it ends. PostgreSQL is made for many.
    pub(super) fn claim_alone(&self) -> Result<(), Error> {
        let Some(path) = self.db.lock_file() else { return Ok(()) };
        let failed = |problem: String| Error::Unfit(format!("{}: {problem}", path.display()));
        let file = std::fs::File::create(&path).map_err(|error| failed(error.to_string()))?;
        file.try_lock().map_err(|_| failed("another server is running on this database; stop it first".to_owned()))?;
        let _held_already = self.alone.set(file);
        Ok(())
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Conn, Error> {
        self.db.read().await
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

    /// Writes what is queued, then closes the pools.
    pub async fn close(self) {
        self.writer.close().await;
        if let Some(task) = self.writing.lock().await.take() {
            let _panicked = task.await;
        }
        self.db.close().await;
        if let Some(file) = self.alone.get() {
            // It is released with the process at the latest.
            let _unlocked = file.unlock();
        }
    }
}
