//! All SQL, and nothing but SQL: one room for each noun. Statements are one text for SQLite and PostgreSQL; `db`,
//! `migrate` (and, for many nodes, `claim` and `wake`) alone may know which it is. Reads take a read connection; writes
//! happen only inside a command of the [`writer`]. Functions that serve people or programs ask for a
//! [`Grant`](crate::domain::permission::Grant). No function here holds a transaction across anything but SQL.

pub mod attempts;
pub mod audit;
pub mod balance;
mod claim;
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

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::{sync::Mutex, task::JoinHandle};

pub use db::{Conn, Db};
pub use error::Error;

use super::config::Settings;
use claim::Claim;
use secrets::Vault;
use writer::Writer;

/// An open, migrated database with its writer and its key. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    writer: Writer,
    pub vault: Vault,
    writing: Arc<Mutex<Option<JoinHandle<()>>>>,
    claim: Arc<Mutex<Option<Claim>>>,
}

impl Store {
    /// Opens and migrates the database of the settings and loads the master key.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let db = Db::open(&settings.database_url()).await?;
        let key_file = settings.master_key_file.as_deref();
        let vault = secrets::load(key_file, &settings.data_dir, !db.is_postgres()).map_err(Error::Unfit)?;
        migrate::migrate(&db).await?;
        let (writer, task) = Writer::start(db.clone());
        Ok(Self { db, writer, vault, writing: Arc::new(Mutex::new(Some(task))), claim: Arc::default() })
    }

    /// Makes sure that no other process delivers from this database.
    pub(super) async fn claim(&self) -> Result<(), Error> {
        *self.claim.lock().await = Some(claim::claim(&self.db).await?);
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
        if let Some(claim) = self.claim.lock().await.take() {
            claim.release().await;
        }
        self.db.close().await;
    }
}
