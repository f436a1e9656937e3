//! A SQLite and a PostgreSQL side by side, and what all of their tables hold.

use std::{collections::BTreeMap, str::FromStr};

use sqlx::{
    Column, Connection, PgConnection, Row, SqliteConnection, TypeInfo, ValueRef,
    postgres::{PgConnectOptions, PgRow},
    sqlite::SqliteRow,
};
use uuid::Uuid;

use super::{Conn, Db, migrate, sqlite};
use crate::engine::clock::random_bytes;

/// The hooks that both begin with.
pub const HOOKS: u64 = 3;

/// An id of this kind; the same on both databases.
pub fn uuid(kind: u64, number: u64) -> Uuid {
    Uuid::from_u64_pair(kind << 12 | 0x7000, 1 << 63 | number)
}

/// For each table its rows on SQLite and on PostgreSQL, each row as text.
pub type Tables = BTreeMap<String, [Vec<String>; 2]>;

pub struct Databases {
    sqlite: Db,
    postgres: Db,
    sqlite_conn: SqliteConnection,
    postgres_conn: PgConnection,
    _folder: tempfile::TempDir,
}

impl Databases {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let urls = [
            format!("sqlite:{}", folder.path().join("contract.db").display()),
            new_postgres().await,
        ];
        let [sqlite, postgres] = [Db::open(&urls[0]).await, Db::open(&urls[1]).await];
        let (sqlite, postgres) = (sqlite.unwrap(), postgres.unwrap());
        migrate(&sqlite).await.unwrap();
        migrate(&postgres).await.unwrap();
        let mut databases = Self {
            sqlite_conn: SqliteConnection::connect(&urls[0]).await.unwrap(),
            postgres_conn: PgConnection::connect(&urls[1]).await.unwrap(),
            sqlite,
            postgres,
            _folder: folder,
        };
        databases.add_hooks().await;
        databases
    }

    async fn add_hooks(&mut self) {
        const TEXT: &str = "INSERT INTO hooks (id, name, event_type, callback_url, enabled, \
                            api_key, api_key_hint, signing_secret, created_at, updated_at, version)
             VALUES ($1, 'hook', 'test.event', 'https://example.org', TRUE, $2, '', $2, 1, 1, 1)";
        for id in (0..HOOKS).map(|number| uuid(0, number)) {
            let sealed: &[u8] = b"sealed";
            sqlx::query(TEXT).bind(id).bind(sealed).execute(&mut self.sqlite_conn).await.unwrap();
            sqlx::query(TEXT).bind(id).bind(sealed).execute(&mut self.postgres_conn).await.unwrap();
        }
    }

    /// The connections that the executors write on.
    pub async fn writers(&self) -> (rusqlite::Connection, Conn) {
        let sqlite = sqlite::open(&self.sqlite).unwrap();
        let Ok(sqlite) = sqlite else { panic!("SQLite does not open") };
        (sqlite, self.postgres.connect_unpooled().await.unwrap())
    }

    /// All tables of the schema but the list of migrations.
    pub async fn dump(&mut self) -> Tables {
        let names: Vec<(String,)> = sqlx::query_as(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE \
             '\\' AND name NOT LIKE 'sqlite%' ORDER BY name",
        )
        .fetch_all(&mut self.sqlite_conn)
        .await
        .unwrap();
        let mut tables = Tables::new();
        for (name,) in names {
            let text = || sqlx::AssertSqlSafe(format!("SELECT * FROM {name}"));
            let rows = sqlx::query(text()).fetch_all(&mut self.sqlite_conn).await.unwrap();
            let on_sqlite = rows.iter().map(of_sqlite).collect();
            let rows = sqlx::query(text()).fetch_all(&mut self.postgres_conn).await.unwrap();
            let on_postgres = rows.iter().map(of_postgres).collect();
            tables.insert(name, [sorted(on_sqlite), sorted(on_postgres)]);
        }
        tables
    }
}

fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort_unstable();
    rows
}

/// A database of this test's own on the server that scripts/with-postgres started.
async fn new_postgres() -> String {
    #[expect(clippy::disallowed_methods, reason = "scripts/with-postgres says where its server is")]
    let server = std::env::var("SERVICE_HOOKS_TEST_POSTGRES")
        .expect("run the tests with `make test`, or under scripts/with-postgres");
    let options = PgConnectOptions::from_str(&server).unwrap();
    let mut admin = PgConnection::connect_with(&options).await.unwrap();
    let name = format!("contract_{:016x}", u64::from_le_bytes(random_bytes()));
    let text = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(text).execute(&mut admin).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

/// Column by column, sorted by their names: a migration may have added them in another order.
fn of_sqlite(row: &SqliteRow) -> String {
    let mut members: Vec<String> = row
        .columns()
        .iter()
        .map(|column| {
            let at = column.ordinal();
            let value = row.try_get_raw(at).unwrap();
            let text = match value.type_info().name() {
                _ if value.is_null() => "NULL".to_owned(),
                "TEXT" => format!("{:?}", row.get::<String, _>(at)),
                "BLOB" => format!("{:?}", row.get::<Vec<u8>, _>(at)),
                // Also truth values.
                _ => row.get_unchecked::<i64, _>(at).to_string(),
            };
            format!("{}={text}", column.name())
        })
        .collect();
    members.sort_unstable();
    members.join(" ")
}

fn of_postgres(row: &PgRow) -> String {
    let mut members: Vec<String> = row
        .columns()
        .iter()
        .map(|column| {
            let at = column.ordinal();
            let value = row.try_get_raw(at).unwrap();
            let text = match value.type_info().name() {
                _ if value.is_null() => "NULL".to_owned(),
                "TEXT" => format!("{:?}", row.get::<String, _>(at)),
                "BYTEA" => format!("{:?}", row.get::<Vec<u8>, _>(at)),
                "UUID" => format!("{:?}", row.get::<Uuid, _>(at).as_bytes()),
                "BOOL" => i64::from(row.get::<bool, _>(at)).to_string(),
                "INT8" => row.get::<i64, _>(at).to_string(),
                other => panic!("{}: the dump can't read {other}", column.name()),
            };
            format!("{}={text}", column.name())
        })
        .collect();
    members.sort_unstable();
    members.join(" ")
}
