//! On SQLite a visit is a stay in its thread: sqlx goes there and back for every statement, and on a busy machine the two
//! ways take longer than the statement. Here a whole commit is written row by row with prepared statements. One of the
//! files that know which engine it is.

use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

use super::Unwritten;
use crate::{
    domain::delivery::State,
    engine::store::{
        db::{CHECKPOINT, Db},
        error::Error,
        events::{Accept, Planned},
        measured::Sums,
        outcomes::Finished,
        space::LOG_MARK,
    },
};

impl From<rusqlite::Error> for Unwritten {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => Self::Fault,
            _ => Self::Failed(Error::Driver(Arc::new(sqlx::Error::Protocol(error.to_string())))),
        }
    }
}

/// What this connection keeps of the database in memory: the ends of the indexes that grow.
const CACHE_KIB: u32 = 16 * 1024;

/// Opens a connection of its own to the database, as durable as the writer's. `None` on PostgreSQL.
pub(in crate::engine::store) fn open(db: &Db) -> Option<Result<Connection, Unwritten>> {
    let Db::Sqlite { writer, vfs, .. } = db else { return None };
    let path = writer.get_filename().to_owned();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str()),
        None => Connection::open_with_flags(path, flags),
    };
    let prepared = opened.and_then(|conn| {
        conn.execute_batch(&format!(
            "PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA wal_autocheckpoint = {CHECKPOINT}; PRAGMA journal_size_limit = {LOG_MARK}; PRAGMA cache_size = -{CACHE_KIB};"
        ))?;
        Ok(conn)
    });
    Some(prepared.map_err(Unwritten::from))
}

/// Writes all of it in one transaction, or nothing.
pub(in crate::engine::store) fn commit(
    conn: &mut Connection,
    shard: i64,
    accepts: &[&Accept],
    plans: &[Vec<Vec<Planned>>],
    finished: &[&Finished],
) -> Result<(), Unwritten> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut count = 0;
    for (accept, planned) in accepts.iter().zip(plans) {
        count += write_accept(&tx, accept, planned)?;
    }
    if count > 0 {
        tx.prepare_cached(
            "INSERT INTO counters (name, shard, value) VALUES ('accepted', ?1, ?2)
             ON CONFLICT (name, shard) DO UPDATE SET value = counters.value + excluded.value",
        )?
        .execute(params![shard, count])?;
    }
    for finished in finished {
        write_success(&tx, finished)?;
    }
    write_sums(&tx, &Sums::of(finished))?;
    tx.commit()?;
    Ok(())
}

/// Returns how many deliveries were written.
fn write_accept(conn: &Connection, accept: &Accept, planned: &[Vec<Planned>]) -> Result<i64, Unwritten> {
    let now = accept.clock.now();
    let mut insert_event = conn.prepare_cached(
        "INSERT INTO events (id, event_type, body, is_test, source, created_at) VALUES (?1, ?2, ?3, FALSE, ?4, ?5)",
    )?;
    let mut insert_delivery = conn.prepare_cached(
        "INSERT INTO deliveries (id, event_id, hook_id, event_type, state, reason, is_test, order_key, size, due_at,
                                 created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, FALSE, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let mut count = 0;
    for (event, planned) in accept.events.iter().zip(planned) {
        let (id, key) = (event.id.0.as_bytes().as_slice(), event.event_type.key());
        insert_event.execute(params![id, key, &event.body[..], event.source, now.0])?;
        for delivery in planned {
            let (state, reason) = delivery.begins();
            insert_delivery.execute(params![
                delivery.id.0.as_bytes().as_slice(),
                id,
                delivery.hook.0.as_bytes().as_slice(),
                key,
                state.key(),
                reason,
                delivery.order_key,
                event.body.len() as i64,
                (state == State::Pending).then_some(now.0),
                delivery.created_at(now).0,
                now.0,
            ])?;
            count += 1;
        }
    }
    if let Some((key, answer, until)) = accept.to_remember(planned) {
        conn.prepare_cached("DELETE FROM idempotency WHERE key_hash = ?1 AND expires_at <= ?2")?
            .execute(params![key.key_hash, now.0])?;
        conn.prepare_cached(
            "INSERT INTO idempotency (key_hash, body_hash, answer, expires_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![key.key_hash, key.body_hash, answer, until.0])?;
    }
    Ok(count)
}

fn write_sums(conn: &Connection, sums: &Sums) -> Result<(), Unwritten> {
    for ((hook, hour, class), count) in &sums.hours {
        conn.prepare_cached(
            "INSERT INTO hours (hook_id, hour, class, count) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (hook_id, hour, class) DO UPDATE SET count = hours.count + excluded.count",
        )?
        .execute(params![hook.0.as_bytes().as_slice(), hour.0, class, count])?;
    }
    for ((hook, hour, bucket), count) in &sums.latencies {
        conn.prepare_cached(
            "INSERT INTO latencies (hook_id, hour, bucket, count) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (hook_id, hour, bucket) DO UPDATE SET count = latencies.count + excluded.count",
        )?
        .execute(params![hook.0.as_bytes().as_slice(), hour.0, bucket, count])?;
    }
    Ok(())
}

/// A success settles a delivery whatever state it was in.
fn write_success(conn: &Connection, finished: &Finished) -> Result<(), Unwritten> {
    let attempt = &finished.attempt;
    let delivery = finished.delivery.0.as_bytes().as_slice();
    let status = attempt.answer.status().map(i64::from);
    // Serialising pairs of strings cannot fail.
    let headers = serde_json::to_string(&attempt.response_headers).unwrap_or_default();
    conn.prepare_cached(
        "INSERT INTO attempts (delivery_id, number, started_at, duration_ms, class, status, detail, url,
                               response_headers, response_body, response_cut, dns_us, connect_us, tls_us, first_byte_us,
                               body_us, address)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?
    .execute(params![
        delivery,
        attempt.number,
        attempt.started_at.0,
        attempt.duration_ms,
        attempt.answer.class(),
        status,
        attempt.detail,
        attempt.url,
        headers,
        attempt.response_body.as_bytes(),
        attempt.response_cut,
        attempt.timing.dns,
        attempt.timing.connect,
        attempt.timing.tls,
        attempt.timing.first_byte,
        attempt.timing.body,
        attempt.address,
    ])?;
    conn.prepare_cached(
        "UPDATE deliveries SET state = 'delivered', due_at = NULL, reason = NULL, attempts = ?2, last_class = ?3,
                               last_status = ?4, last_duration_ms = ?5, updated_at = ?6
         WHERE id = ?1",
    )?
    .execute(params![
        delivery,
        attempt.number,
        attempt.answer.class(),
        status,
        attempt.duration_ms,
        finished.clock.now().0,
    ])?;
    Ok(())
}
