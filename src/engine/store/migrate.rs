//! Brings the schema up to date: two folders of the same numbers. One of the four files that may know which engine it
//! is. A process that starts beside another waits for its migration (SQLite by its write lock, PostgreSQL by sqlx's).

use super::{
    db::{Db, Link},
    error::Error,
};

/// Applies what is missing. Safe to call by several processes at once.
pub async fn migrate(db: &Db) -> Result<(), Error> {
    let mut conn = db.own().await?;
    let outcome = match &mut conn.link {
        Link::Sqlite(connection) => sqlx::migrate!("migrations/sqlite").run(&mut **connection).await,
        Link::Postgres(connection) => sqlx::migrate!("migrations/postgres").run(&mut **connection).await,
    };
    outcome.map_err(|error| Error::Unfit(format!("the database's schema cannot be brought up to date: {error}")))
}
