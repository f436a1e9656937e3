//! A time limit for reads of SQLite. A read transaction keeps the write-ahead log from restarting,
//! so a read without a limit could fill the disk. One of the files that may know which database
//! engine is in use.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use sqlx::{Sqlite, SqliteConnection, pool::PoolConnection};

use crate::engine::{clock::Clock, store::error::Error};

/// Reads of a running server are interrupted after this time. Commands that scan whole tables, such
/// as `doctor`, have no limit.
pub(in crate::engine::store) const LONGEST_READ: Duration = Duration::from_secs(10);
/// Instructions of SQLite's virtual machine between two checks of the limit: about 1 ms.
const CHECK_INTERVAL_OPS: i32 = 20_000;

/// Starts the time limit of a connection that was taken from the pool. It applies to all its reads
/// together. Does nothing while no server uses the database.
pub(super) async fn bounded(
    mut reader: PoolConnection<Sqlite>,
    is_serving: &AtomicBool,
) -> Result<PoolConnection<Sqlite>, Error> {
    if is_serving.load(Ordering::Relaxed) {
        start_timer(&mut reader).await?;
    }
    Ok(reader)
}

pub(super) async fn start_timer(reader: &mut SqliteConnection) -> Result<(), Error> {
    let watch = Clock::System.stopwatch();
    let may_continue = move || watch.elapsed() < LONGEST_READ;
    reader.lock_handle().await?.set_progress_handler(CHECK_INTERVAL_OPS, may_continue);
    Ok(())
}
