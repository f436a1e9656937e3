//! What is looked at every few seconds: SQLite's files, how many hooks stand how, and how large the
//! database is. Cheap, and never held against whoever else wants the database.

use std::{sync::atomic::Ordering, time::Duration};

use super::{Keeper, YIELD};
use crate::engine::{
    metrics,
    store::{
        Error,
        db::LOG_MARK,
        error::chain,
        health,
        space::{self, Files},
    },
};

/// How often the length of SQLite's log is looked at: the time in which it can grow unnoticed.
const TICK: Duration = Duration::from_secs(2);
/// The rest is looked at every so many ticks.
const COUNT_EVERY: u32 = 5;

impl Keeper {
    /// See the module. Until it is aborted.
    pub(in crate::engine) async fn tend(self) {
        let mut has_reserve = true;
        for tick in 0u32.. {
            self.mind_log().await;
            if tick.is_multiple_of(COUNT_EVERY) {
                // Seldom: where a quota leaves no room although the disk has some, writes fail
                // while it is tried.
                has_reserve = self.mind_reserve(has_reserve).await;
                if let Err(error) = self.count().await {
                    tracing::debug!(error = chain(&error), "the hooks could not be counted");
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Where reads overlap all the time the log never starts over by itself.
    async fn mind_log(&self) {
        let before = space::log_bytes(self.store.db());
        if before <= LOG_MARK {
            return;
        }
        match space::restart_log(self.store.db()).await {
            Ok(true) => tracing::debug!(bytes = before, "SQLite's log starts over"),
            Ok(false) => tracing::debug!(
                bytes = before,
                "reads under way keep SQLite's log; it is tried again"
            ),
            Err(error) => tracing::warn!(
                error = chain(&error),
                bytes = before,
                "SQLite's log cannot start over"
            ),
        }
    }

    async fn count(&self) -> Result<(), Error> {
        let fits = self.store.key_fits().await?;
        if self.has_wrong_key.swap(!fits, Ordering::Relaxed) == fits {
            match fits {
                true => tracing::info!("the master key fits the database again"),
                false => {
                    tracing::error!("the master key no longer opens what is sealed in the database")
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

    /// Gives free pages back to the disk, a few at a time, so that no commit waits long for that.
    async fn shrink(&self, before: Files) -> Result<(), Error> {
        let mut files = before;
        while files.is_too_large() {
            let watch = self.clock.stopwatch();
            let released: Result<(), Error> =
                self.store.write(|conn| Box::pin(space::release(conn))).await;
            released?;
            let left = self.store.about().await?.files.unwrap_or_default();
            // Whatever the reason: nothing comes of it.
            if left.free >= files.free {
                break;
            }
            files = left;
            tokio::time::sleep(watch.elapsed() * YIELD).await;
        }
        // The file is cut by the checkpoint that writes its new length.
        space::restart_log(self.store.db()).await?;
        tracing::info!(
            from = before.bytes,
            to = files.bytes,
            "free space of the database went back to the disk"
        );
        Ok(())
    }
}
