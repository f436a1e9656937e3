//! Brings the schema up to date: two folders of the same numbers. One of the few files that may
//! know which engine it is. Of processes that start together one migrates and the others wait: on
//! SQLite for their [`Turn`](super::files), on PostgreSQL for sqlx's lock.
//!
//! A program may meet a schema that a newer one made, while servers are upgraded one by one or
//! after going back to the release before. It goes on only where every migration it does not know
//! says that it may: by a name that ends in `_additive`. Such a migration adds tables, indexes, or
//! columns with a default, and changes nothing that older programs read or write.

use sqlx::migrate::{Migrate, MigrateError};

use super::{
    db::{Db, Link},
    error::Error,
};

const ADDITIVE: &str = "additive";
const NEWER: &str = "This database was made by a newer version. Upgrade service-hooks.";

/// Expands one body for both engines.
macro_rules! bring_up_to_date {
    ($conn:expr, $migrator:expr) => {{
        let (conn, mut migrator) = ($conn, $migrator);
        // Taken twice by the same session, here and by the migrator. When something fails the
        // connection is closed, and the lock goes with it.
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

/// Applies what is missing. Safe to call by several processes at once.
pub async fn migrate(db: &Db) -> Result<(), Error> {
    let mut conn = db.own().await?;
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

/// Can this program work with what was applied?
fn is_fit(applied: &[(i64, String)], is_known: impl Fn(i64) -> bool) -> bool {
    let mut unknown = applied.iter().filter(|(version, _)| !is_known(*version)).peekable();
    if unknown.peek().is_some() {
        tracing::warn!("a newer version made this database's schema");
    }
    unknown.all(|(_, description)| description.ends_with(ADDITIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_fit_when_all_that_is_unknown_only_adds() {
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
