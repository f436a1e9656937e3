//! Who may deliver from a database: one server at a time, because what is in flight is known to its process only. One of
//! the four files that may know which engine it is. The claim goes with the process, however that ends.

use std::{fs::File, time::Duration};

use sqlx::PgConnection;

use super::{db::Db, error::Error};

/// Any number will do; it must only differ from those of other programs on the same database.
const ADVISORY_LOCK: i64 = 0x5e_ac_1c_e8_00_c5;
/// PostgreSQL may take a moment to notice that a killed server is gone.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Held for as long as a server runs.
pub(super) enum Claim {
    File(File),
    /// The lock is the connection's.
    Connection(PgConnection),
}

/// Claims the database, or says that another server has it.
pub(super) async fn claim(db: &Db) -> Result<Claim, Error> {
    match db {
        Db::Sqlite { writer, .. } => {
            let path = writer.connect_options().get_filename().with_extension("lock");
            let failed = |problem: String| Error::Unfit(format!("{}: {problem}", path.display()));
            let file = File::create(&path).map_err(|error| failed(error.to_string()))?;
            file.try_lock().map_err(|_| failed(TAKEN.to_owned()))?;
            Ok(Claim::File(file))
        }
        Db::Postgres { pool } => {
            let mut connection = pool.acquire().await?.detach();
            let locked = tokio::time::timeout(PATIENCE, lock(&mut connection)).await;
            locked.map_err(|_| Error::Unfit(format!("PostgreSQL: {TAKEN}")))??;
            Ok(Claim::Connection(connection))
        }
    }
}

const TAKEN: &str = "another server is running on this database; stop it first";

async fn lock(connection: &mut PgConnection) -> Result<(), Error> {
    loop {
        let query = sqlx::query_as("SELECT pg_try_advisory_lock($1)").bind(ADVISORY_LOCK);
        let (is_ours,): (bool,) = query.fetch_one(&mut *connection).await?;
        if is_ours {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

impl Claim {
    pub(super) async fn release(self) {
        // Either way it is gone at the latest with the process.
        match self {
            Self::File(file) => drop(file.unlock()),
            Self::Connection(connection) => drop(sqlx::Connection::close(connection).await),
        }
    }
}
