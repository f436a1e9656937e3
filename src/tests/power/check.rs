//! Checks a disk after a power cut: the database is intact and contains everything that was
//! acknowledged.

use std::{collections::HashSet, path::Path};

use service_hooks::{
    domain::permission::{Actor, right},
    engine::{
        config::Settings,
        store::{Store, balance},
    },
};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use uuid::Uuid;

use super::{disk::Image, workload::HOOKS};

/// A fault of a disk.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("{0} events or hooks were acknowledged and are not there")]
    Missing(usize),
    /// Everything else: the database is damaged, or its rows contradict each other.
    #[error("{0}")]
    Broken(String),
}

/// Writes an image where SQLite can open it, and replaces the previous one.
pub fn write(image: &Image, folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, bytes) in image {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// Opens the database as any program would, which makes SQLite recover it, and checks all of it.
pub async fn check(file: &Path, acknowledged: &[Uuid], is_thorough: bool) -> Result<(), Fault> {
    if acknowledged.is_empty() && !file.exists() {
        return Ok(());
    }
    let broken = |error: sqlx::Error| Fault::Broken(error.to_string());
    let options = SqliteConnectOptions::new().filename(file).disable_statement_logging();
    let mut conn = SqliteConnection::connect_with(&options).await.map_err(broken)?;
    let found = look(&mut conn, acknowledged, is_thorough).await;
    conn.close().await.map_err(broken)?;
    found
}

async fn look(
    conn: &mut SqliteConnection,
    acknowledged: &[Uuid],
    is_thorough: bool,
) -> Result<(), Fault> {
    let broken = |error: sqlx::Error| Fault::Broken(error.to_string());
    let pragma = if is_thorough { "PRAGMA integrity_check" } else { "PRAGMA quick_check" };
    let (verdict,): (String,) =
        sqlx::query_as(pragma).fetch_one(&mut *conn).await.map_err(broken)?;
    if verdict != "ok" {
        return Err(Fault::Broken(verdict));
    }
    let (tables,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'counters'")
            .fetch_one(&mut *conn)
            .await
            .map_err(broken)?;
    if tables == 0 {
        // Cut before the first migration was committed.
        return if acknowledged.is_empty() {
            Ok(())
        } else {
            Err(Fault::Missing(acknowledged.len()))
        };
    }
    let rows: Vec<(Uuid,)> = sqlx::query_as("SELECT id FROM events UNION ALL SELECT id FROM hooks")
        .fetch_all(&mut *conn)
        .await
        .map_err(broken)?;
    let there: HashSet<Uuid> = rows.into_iter().map(|(id,)| id).collect();
    let missing = acknowledged.iter().filter(|id| !there.contains(*id)).count();
    let contradictions: (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM (SELECT e.id FROM events e LEFT JOIN deliveries d ON \
         d.event_id = e.id
                                       GROUP BY e.id HAVING COUNT(d.id) <> $1)),
                (SELECT COUNT(*) FROM deliveries d
                 WHERE d.attempts <> (SELECT COUNT(*) FROM attempts a WHERE a.delivery_id = d.id)),
                (SELECT SUM(CASE name WHEN 'accepted' THEN value ELSE -value END) FROM counters
                 WHERE name IN ('accepted', 'pruned')) - (SELECT COUNT(*) FROM deliveries)",
    )
    .bind(HOOKS)
    .fetch_one(&mut *conn)
    .await
    .map_err(broken)?;
    if contradictions != (0, 0, 0) {
        return Err(Fault::Broken(format!(
            "events without all deliveries, deliveries without all attempts, imbalance: \
             {contradictions:?}"
        )));
    }
    if missing > 0 { Err(Fault::Missing(missing)) } else { Ok(()) }
}

/// Checks that the program starts on it, and that the balance holds.
pub async fn start(settings: &Settings, file: &Path) -> Result<(), Fault> {
    let settings =
        Settings { database_url: format!("sqlite:{}", file.display()), ..settings.clone() };
    let broken = |error: service_hooks::engine::store::Error| Fault::Broken(format!("{error:?}"));
    let store = Store::open(&settings).await.map_err(broken)?;
    let grant = Actor::portal().require(right::SystemRead).unwrap();
    let balance =
        balance::read(&mut store.read().await.map_err(broken)?, &grant).await.map_err(broken)?;
    store.close().await;
    if balance.holds() { Ok(()) } else { Err(Fault::Broken(format!("{balance:?}"))) }
}
