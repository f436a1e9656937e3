//! Cheap checks every few seconds: the write-ahead log of SQLite, the disk reserve, the master key,
//! and the metrics about hooks and the size of the database. They never block other users of the
//! database.

use std::{sync::atomic::Ordering, time::Duration};

use super::{Maintenance, YIELD_FACTOR};
use crate::engine::{
    metrics,
    store::{
        Error,
        db::WAL_SIZE_LIMIT,
        error::chain,
        health,
        space::{self, Files},
    },
};

/// How often the size of the write-ahead log is checked: it can grow unnoticed for this long.
const TICK: Duration = Duration::from_secs(2);
/// The other checks run every so many ticks.
const METRICS_EVERY: u32 = 5;

impl Maintenance {
    /// Runs the checks until the task is aborted.
    pub(in crate::engine) async fn monitor(self) {
        let mut has_reserve = true;
        for tick in 0u32.. {
            self.restart_large_log().await;
            if tick.is_multiple_of(METRICS_EVERY) {
                // Rarely: under a quota the disk may seem to have space, and other writes fail
                // while the reserve is tried.
                has_reserve = self.restore_reserve(has_reserve).await;
                if let Err(error) = self.update_metrics().await {
                    tracing::debug!(error = chain(&error), "failed to count the hooks");
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Restarts the write-ahead log when it is large. With reads that always overlap, SQLite never
    /// restarts it automatically.
    async fn restart_large_log(&self) {
        let before = space::log_bytes(self.store.db());
        if before <= WAL_SIZE_LIMIT {
            return;
        }
        match space::restart_log(self.store.db()).await {
            Ok(true) => tracing::debug!(bytes = before, "SQLite's write-ahead log was truncated"),
            Ok(false) => tracing::debug!(
                bytes = before,
                "reads in progress keep SQLite's write-ahead log; trying again later"
            ),
            Err(error) => tracing::warn!(
                error = chain(&error),
                bytes = before,
                "failed to truncate SQLite's write-ahead log"
            ),
        }
    }

    /// Checks the master key, and updates the gauges of hooks and of the database.
    async fn update_metrics(&self) -> Result<(), Error> {
        let fits = self.store.key_fits().await?;
        if self.has_wrong_key.swap(!fits, Ordering::Relaxed) == fits {
            match fits {
                true => tracing::info!("the master key matches the database again"),
                false => {
                    tracing::error!("the master key no longer decrypts the secrets in the database")
                }
            }
        }
        let counts = health::counts(&mut self.store.read().await?).await?;
        metrics::hooks(&counts);
        let about = self.store.about().await?;
        metrics::database(about.bytes, about.files.map(|files| (files.free, files.log)));
        if let Some(files) = about.files.filter(Files::is_too_large) {
            self.shrink(files).await?;
        }
        Ok(())
    }

    /// Returns free pages to the disk in small batches, so that no commit waits long.
    async fn shrink(&self, before: Files) -> Result<(), Error> {
        let mut files = before;
        while files.is_too_large() {
            let watch = self.clock.stopwatch();
            let released: Result<(), Error> =
                self.store.write(|conn| Box::pin(space::release(conn))).await;
            released?;
            let remaining = self.store.about().await?.files.unwrap_or_default();
            // No progress, for any reason: stop.
            if remaining.free >= files.free {
                break;
            }
            files = remaining;
            tokio::time::sleep(watch.elapsed() * YIELD_FACTOR).await;
        }
        // The checkpoint that writes the new length truncates the file.
        space::restart_log(self.store.db()).await?;
        tracing::info!(
            from = before.bytes,
            to = files.bytes,
            "free space of the database was returned to the disk"
        );
        Ok(())
    }
}
