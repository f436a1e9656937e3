//! The executor for SQLite. Fast path: one blocking call per commit, with rusqlite and prepared
//! statements. sqlx would pass each statement to its worker thread and back, and on a busy machine
//! these thread switches take longer than the statements. One of the files that may know which
//! database engine is in use.

use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, ffi, params};
use uuid::Uuid;

use super::Unwritten;
use crate::{
    domain::time::Timestamp,
    engine::store::{
        commit::plan::Rows,
        db::{CHECKPOINT_PAGES, Db, WAL_SIZE_LIMIT},
        error::Error,
        measured::Sums,
        rows::{AttemptRow, DeliveryRow, EventRow, KeyRow, columns},
    },
};

/// A constraint violation is the fault of a row; any other error fails the whole commit. The
/// outcome is never unknown, because the database is in this process.
impl From<rusqlite::Error> for Unwritten {
    fn from(error: rusqlite::Error) -> Self {
        let driver = |error: &rusqlite::Error| Arc::new(sqlx::Error::Protocol(error.to_string()));
        let Some(cause) =
            error.sqlite_error().filter(|cause| cause.code == ErrorCode::ConstraintViolation)
        else {
            return Self::Failed(Error::Driver(driver(&error)));
        };
        Self::Fault(match cause.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => Error::Exists,
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Error::Missing,
            _ => Error::Violated(driver(&error)),
        })
    }
}

/// Page cache of this connection. It holds the pages that every commit changes: the right edges of
/// the indexes.
const CACHE_KIB: u32 = 16 * 1024;

/// Opens a connection for bulk writes, with the durability settings of the writer's connection
/// (see [`db`](crate::engine::store::db)). `None` on PostgreSQL.
pub(in crate::engine::store) fn open(db: &Db) -> Option<Result<Connection, Unwritten>> {
    let (writer, vfs) = match db {
        Db::Sqlite { writer, vfs, .. } => (writer, vfs),
        #[cfg(feature = "postgres")]
        Db::Postgres { .. } => return None,
    };
    let path = writer.get_filename().to_owned();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str()),
        None => Connection::open_with_flags(path, flags),
    };
    let prepared = opened.and_then(|conn| {
        conn.execute_batch(&format!(
            "PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; \
             PRAGMA journal_size_limit = {WAL_SIZE_LIMIT}; \
             PRAGMA cache_size = -{CACHE_KIB};"
        ))?;
        Ok(conn)
    });
    Some(prepared.map_err(Unwritten::from))
}

/// Writes all rows in one transaction. `shard` is the counter shard of this process. An error rolls
/// everything back.
pub(in crate::engine::store) fn commit(
    conn: &mut Connection,
    shard: i64,
    rows: &Rows<'_>,
) -> Result<(), Unwritten> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    rows.events.iter().try_for_each(|row| insert_event(&tx, row))?;
    rows.deliveries.iter().try_for_each(|row| insert_delivery(&tx, row))?;
    rows.keys.iter().try_for_each(|row| insert_key(&tx, row, rows.now))?;
    if !rows.deliveries.is_empty() {
        tx.prepare_cached(
            "INSERT INTO counters (name, shard, value) VALUES ('accepted', ?1, ?2)
             ON CONFLICT (name, shard) DO UPDATE SET value = counters.value + excluded.value",
        )?
        .execute(params![shard, i64::try_from(rows.deliveries.len()).unwrap_or(i64::MAX)])?;
    }
    for row in &rows.attempts {
        insert_attempt(&tx, row)?;
        mark_delivered(&tx, row, rows.now)?;
    }
    add_sums(&tx, &rows.sums)?;
    tx.commit()?;
    Ok(())
}

/// Ids are stored as BLOBs of 16 bytes, as sqlx does.
fn bytes(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

fn insert_event(conn: &Connection, row: &EventRow<'_>) -> rusqlite::Result<()> {
    conn.prepare_cached(concat!(
        "INSERT INTO events (",
        columns!(events),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    ))?
    .execute(params![
        bytes(&row.id.0),
        row.event_type,
        row.body,
        row.is_test,
        row.source,
        row.created_at.0
    ])?;
    Ok(())
}

fn insert_delivery(conn: &Connection, row: &DeliveryRow<'_>) -> rusqlite::Result<()> {
    const TEXT: &str = concat!(
        "INSERT INTO deliveries (",
        columns!(deliveries),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    );
    conn.prepare_cached(TEXT)?.execute(params![
        bytes(&row.id.0),
        bytes(&row.event.0),
        bytes(&row.hook.0),
        row.event_type,
        row.state,
        row.reason,
        row.is_test,
        row.order_key,
        row.size,
        row.due_at.map(|at| at.0),
        row.created_at.0,
        row.updated_at.0,
    ])?;
    Ok(())
}

/// Replaces an expired key. A key that is still valid is a unique violation.
fn insert_key(conn: &Connection, row: &KeyRow<'_>, now: Timestamp) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM idempotency WHERE key_hash = ?1 AND expires_at <= ?2")?
        .execute(params![row.key_hash, now.0])?;
    conn.prepare_cached(concat!(
        "INSERT INTO idempotency (",
        columns!(idempotency),
        ") VALUES (?1, ?2, ?3, ?4)"
    ))?
    .execute(params![row.key_hash, row.body_hash, row.answer, row.expires_at.0])?;
    Ok(())
}

fn insert_attempt(conn: &Connection, row: &AttemptRow<'_>) -> rusqlite::Result<()> {
    const TEXT: &str = concat!(
        "INSERT INTO attempts (",
        columns!(attempts),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    );
    conn.prepare_cached(TEXT)?.execute(params![
        bytes(&row.delivery.0),
        row.number,
        row.started_at.0,
        row.duration_ms,
        row.class,
        row.status,
        row.detail,
        row.url,
        row.response_headers,
        row.response_body,
        row.response_cut,
        row.dns_us,
        row.connect_us,
        row.tls_us,
        row.first_byte_us,
        row.body_us,
        row.address,
    ])?;
    Ok(())
}

/// A success makes the delivery `delivered` regardless of its current state: the receiver has it,
/// even if the delivery was cancelled or held meanwhile. One that was dismissed meanwhile does not
/// count as dismissed.
fn mark_delivered(conn: &Connection, row: &AttemptRow<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let mut update = conn.prepare_cached(
        "UPDATE deliveries SET state = 'delivered', due_at = NULL, reason = NULL, attempts = ?2, \
         last_class = ?3,
                               last_status = ?4, last_duration_ms = ?5, updated_at = ?6
         WHERE id = ?1 RETURNING dismissal_id",
    )?;
    let mut updated = update.query(params![
        bytes(&row.delivery.0),
        row.number,
        row.class,
        row.status,
        row.duration_ms,
        now.0
    ])?;
    while let Some(updated) = updated.next()? {
        if let Some(dismissal) = updated.get::<_, Option<Vec<u8>>>(0)? {
            conn.prepare_cached("UPDATE dismissals SET number = number - 1 WHERE id = ?1")?
                .execute(params![dismissal])?;
        }
    }
    Ok(())
}

/// Adds to the hourly statistics: attempts by class, and latencies by histogram bucket.
fn add_sums(conn: &Connection, sums: &Sums) -> rusqlite::Result<()> {
    for ((hook, hour, class), tally) in &sums.hours {
        conn.prepare_cached(
            "INSERT INTO hours (hook_id, hour, class, count, last_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (hook_id, hour, class) DO UPDATE SET count = hours.count + excluded.count,
               last_at = CASE WHEN excluded.last_at > hours.last_at THEN excluded.last_at
                              ELSE hours.last_at END",
        )?
        .execute(params![bytes(&hook.0), hour.0, class, tally.count, tally.last_at.0])?;
    }
    for ((hook, hour, bucket), count) in &sums.latencies {
        conn.prepare_cached(
            "INSERT INTO latencies (hook_id, hour, bucket, count) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (hook_id, hour, bucket) DO UPDATE SET count = latencies.count + \
             excluded.count",
        )?
        .execute(params![bytes(&hook.0), hour.0, bucket, count])?;
    }
    Ok(())
}
