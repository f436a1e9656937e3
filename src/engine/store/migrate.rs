//! Brings the schema up to date: two folders of the same numbers. One of the four files that may know which engine it
//! is. A process that starts beside another waits for its migration (SQLite by its write lock, PostgreSQL by sqlx's).

use super::{
    db::{Conn, Db},
    error::Error,
};

/// Applies what is missing. Safe to call by several processes at once.
pub async fn migrate(db: &Db) -> Result<(), Error> {
    let mut conn = db.write().await?;
    let outcome = match &mut conn {
        Conn::Sqlite(connection) => sqlx::migrate!("migrations/sqlite").run(&mut **connection).await,
        Conn::Postgres(connection) => sqlx::migrate!("migrations/postgres").run(&mut **connection).await,
    };
    outcome.map_err(|error| Error::Unfit(format!("the database's schema cannot be brought up to date: {error}")))
}
