//! Reads of SQLite that last no longer than they may. One of the files that may know which database
//! it is.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use sqlx::{Sqlite, SqliteConnection, pool::PoolConnection};

use crate::engine::{clock::Clock, store::error::Error};

/// A server's read of SQLite is ended after this long. As long as a read lasts the log cannot start
/// over, so one without an end would fill the disk. (Commands that look at everything, such as
/// `doctor`, take the time they need.)
pub(in crate::engine::store) const LONGEST_READ: Duration = Duration::from_secs(10);
/// SQLite asks every so many of its own steps whether a read may go on: about once in a
/// millisecond.
const STEPS: i32 = 20_000;

/// A reader whose reads, from now on together, last no longer than [`LONGEST_READ`] while a server
/// uses the database.
pub(super) async fn bounded(
    mut reader: PoolConnection<Sqlite>,
    is_serving: &AtomicBool,
) -> Result<PoolConnection<Sqlite>, Error> {
    if is_serving.load(Ordering::Relaxed) {
        bound(&mut reader).await?;
    }
    Ok(reader)
}

pub(super) async fn bound(reader: &mut SqliteConnection) -> Result<(), Error> {
    let watch = Clock::System.stopwatch();
    reader.lock_handle().await?.set_progress_handler(STEPS, move || watch.elapsed() < LONGEST_READ);
    Ok(())
}
