//! Schema migrations, from two folders with the same numbers: one for each database engine. One of
//! the few files that may know which engine is in use. When several processes start together, one
//! migrates and the others wait: on SQLite for their [`OpeningLock`](super::files), on PostgreSQL
//! for the advisory lock of sqlx.
//!
//! A program may meet a schema that a newer version made: during a rolling upgrade, or after a
//! downgrade. It continues only if the name of every migration it does not know ends in
//! `_additive`. Such a migration only adds tables, indexes, or columns with a default, and changes
//! nothing that older programs read or write.

use sqlx::migrate::{Migrate, MigrateError};

use super::{
    db::{Db, Link},
    error::Error,
};

/// Descriptions of additive migrations end like this: sqlx shows `_additive` as ` additive`.
const ADDITIVE: &str = "additive";
const NEWER: &str = "This database was made by a newer version. Upgrade service-hooks.";

/// The migration run, expanded for each engine because sqlx has a connection type for each.
macro_rules! bring_up_to_date {
    ($conn:expr, $migrator:expr) => {{
        let (conn, mut migrator) = ($conn, $migrator);
        // The migrator takes the lock again in the same session. On an error the connection is
        // closed, which releases the lock.
        conn.lock().await?;
        conn.ensure_migrations_table(&migrator.table_name.clone()).await?;
        let applied: Vec<(i64, String)> =
            sqlx::query_as("SELECT version, description FROM _sqlx_migrations ORDER BY version")
                .fetch_all(&mut *conn)
                .await?;
        if !is_fit(&applied, |version| migrator.version_exists(version)) {
            return Ok(false);
        }
        migrator.set_ignore_missing(true);
        migrator.run(&mut *conn).await?;
        conn.unlock().await?;
        Ok(true)
    }};
}

/// Applies the missing migrations. Safe to call from several processes at once.
pub async fn migrate(db: &Db) -> Result<(), Error> {
    let mut conn = db.connect_unpooled().await?;
    let outcome: Result<bool, MigrateError> = async {
        match &mut conn.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(connection) => {
                bring_up_to_date!(&mut **connection, sqlx::migrate!("migrations/sqlite"))
            }
            #[cfg(feature = "postgres")]
            Link::Postgres(connection) => {
                bring_up_to_date!(&mut **connection, sqlx::migrate!("migrations/postgres"))
            }
        }
    }
    .await;
    match outcome {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::Unfit(NEWER.to_owned())),
        Err(error) => {
            Err(Error::Unfit(format!("The database's schema can't be brought up to date: {error}")))
        }
    }
}

/// Can this version work with the migrations that were applied?
fn is_fit(applied: &[(i64, String)], is_known: impl Fn(i64) -> bool) -> bool {
    let mut unknown = applied.iter().filter(|(version, _)| !is_known(*version)).peekable();
    if unknown.peek().is_some() {
        tracing::warn!("the database schema is from a newer version");
    }
    unknown.all(|(_, description)| description.ends_with(ADDITIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_fit_if_every_unknown_migration_is_additive() {
        let applied = |newer: &[&str]| -> Vec<(i64, String)> {
            let names = ["begin", "engine"].iter().chain(newer);
            names.zip(1..).map(|(name, version)| (version, (*name).to_owned())).collect()
        };
        let rows: [(&[&str], bool); 5] = [
            (&[], true),
            (&["tags additive"], true),
            (&["tags additive", "more additive"], true),
            (&["other states"], false),
            (&["other states", "tags additive"], false),
        ];
        for (newer, fits) in rows {
            assert_eq!(is_fit(&applied(newer), |version| version <= 2), fits, "{newer:?}");
        }
    }
}
