//! Rows written directly into the tables: more deliveries, in more states, than an engine could
//! produce during a test. The benchmark of the log uses this file too, so it imports nothing from
//! this crate.

use sqlx::{Connection, PgConnection, Postgres, QueryBuilder, Sqlite, SqliteConnection};
use uuid::Uuid;

/// A delivery, with an event of its own.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub id: Uuid,
    pub event: Uuid,
    pub hook: Uuid,
    pub event_type: &'static str,
    pub state: &'static str,
    pub class: Option<&'static str>,
    pub status: Option<i64>,
    pub is_test: bool,
    pub body: String,
}

/// A UUID version 7 of this millisecond; `number` distinguishes ids of one millisecond.
pub fn id_at(millis: u64, number: u64) -> Uuid {
    let high = (u128::from(millis) << 80) | (0x7 << 76);
    Uuid::from_u128(high | (0b10 << 62) | u128::from(number & 0x3fff_ffff_ffff_ffff))
}

/// Rows per statement, and statements per transaction.
const ROWS: usize = 400;
const STATEMENTS: usize = 100;

macro_rules! write_rows {
    ($connection:expr, $engine:ty, $rows:expr) => {{
        for rows in $rows.chunks(ROWS * STATEMENTS) {
            let mut transaction = $connection.begin().await?;
            for rows in rows.chunks(ROWS) {
                let mut events = QueryBuilder::<$engine>::new(
                    "INSERT INTO events (id, event_type, body, is_test, source, created_at) ",
                );
                events.push_values(rows, |mut row, it| {
                    row.push_bind(it.event)
                        .push_bind(it.event_type)
                        .push_bind(it.body.as_bytes())
                        .push_bind(it.is_test)
                        .push_bind("rows")
                        .push_bind(millis(it.event));
                });
                events.build().execute(&mut *transaction).await?;
                let mut deliveries = QueryBuilder::<$engine>::new(
                    "INSERT INTO deliveries (id, event_id, hook_id, event_type, state, is_test, \
                     attempts, last_class,
                                             last_status, last_duration_ms, due_at, created_at, \
                                                 updated_at, size) ",
                );
                deliveries.push_values(rows, |mut row, it| {
                    let is_open = matches!(it.state, "pending" | "waiting");
                    row.push_bind(it.id)
                        .push_bind(it.event)
                        .push_bind(it.hook)
                        .push_bind(it.event_type)
                        .push_bind(it.state)
                        .push_bind(it.is_test)
                        .push_bind(i64::from(it.class.is_some()))
                        .push_bind(it.class)
                        .push_bind(it.status)
                        .push_bind(it.class.map(|_| 42i64))
                        // So far in the future that no attempt starts.
                        .push_bind(is_open.then_some(i64::MAX / 2))
                        .push_bind(millis(it.id))
                        .push_bind(millis(it.id))
                        .push_bind(i64::try_from(it.body.len()).unwrap_or(0));
                });
                deliveries.build().execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
        }
        sqlx::query("UPDATE counters SET value = value + $1 WHERE name = 'accepted' AND shard = 0")
            .bind(i64::try_from($rows.len()).unwrap_or(0))
            .execute(&mut $connection)
            .await?;
    }};
}

fn millis(id: Uuid) -> i64 {
    i64::try_from(id.as_u128() >> 80).unwrap_or(0)
}

/// Writes the rows into the database of this URL, which must be migrated.
pub async fn insert(url: &str, rows: &[Delivered]) -> Result<(), sqlx::Error> {
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await?;
        write_rows!(connection, Sqlite, rows);
        connection.close().await
    } else {
        let mut connection = PgConnection::connect(url).await?;
        write_rows!(connection, Postgres, rows);
        // What autovacuum would do later. (SQLite has no autovacuum of statistics.)
        sqlx::query("VACUUM ANALYZE deliveries").execute(&mut connection).await?;
        connection.close().await
    }
}
