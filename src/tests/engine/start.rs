//! A database that does not commit durably is rejected at the start, with the reason.

use service_hooks::engine::{Dispatcher, store::Store};
use sqlx::Connection;

use crate::support::db::{self, TestDb};

async fn alter(db: &TestDb, setting: &str) {
    let url = db.settings().database_url;
    let (_, name) = url.rsplit_once('/').unwrap();
    let mut admin = sqlx::PgConnection::connect(&url).await.unwrap();
    let statement = format!("ALTER DATABASE {name} SET {setting}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
}

/// `fsync` is a setting of the whole PostgreSQL server; the same code checks it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_without_synchronous_commit_is_rejected() {
    let db = TestDb::postgres().await;
    alter(&db, "synchronous_commit = off").await;
    let refused = Store::open(&db.settings()).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("synchronous_commit = off") && refused.contains("lose"), "{refused}");
    let refused =
        Dispatcher::start(db::config(db.settings())).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("synchronous_commit = off"), "{refused}");
    // Nothing was written. With the right setting it starts.
    alter(&db, "synchronous_commit = on").await;
    let engine = Dispatcher::start(db::config(db.settings())).await.unwrap();
    engine.shutdown().await;
}

/// The setting in the URL is rejected as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_settings_in_the_url_are_checked_too() {
    let db = TestDb::postgres().await;
    let mut settings = db.settings();
    settings.database_url += "?options=-c%20synchronous_commit%3Doff";
    let refused = Store::open(&settings).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("synchronous_commit = off"), "{refused}");
}
