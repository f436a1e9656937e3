//! Handling of a full disk: frees what can be freed, and restores the disk reserve once there is
//! space, which lets new events in again.

use std::time::Duration;

use super::Maintenance;
use crate::engine::store::{Error, Restored, error::chain, space};

/// Pause between two clean-ups while the disk is full. The first one starts immediately.
const DISK_FULL_PAUSE: Duration = Duration::from_secs(10);

impl Maintenance {
    /// Waits until the next clean-up is due, or the disk becomes full.
    pub(super) async fn pause(&self) {
        // Subscribes before the check below, so that a disk that becomes full in between is
        // noticed.
        let disk_became_full = self.store.disk_became_full();
        let pause = self.retention.every;
        if self.is_disk_full() {
            // Every failed write signals a full disk, which must not make clean-ups follow one
            // another without a pause.
            tokio::time::sleep(pause.min(DISK_FULL_PAUSE)).await;
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = disk_became_full => {}
        }
    }

    fn is_disk_full(&self) -> bool {
        self.store.failing().is_some_and(|failing| failing.is_full)
    }

    /// After a clean-up on a full disk: returns free pages and the space of the write-ahead log to
    /// the disk.
    pub(super) async fn return_space(&self) {
        if !self.is_disk_full() {
            return;
        }
        if let Err(error) = self.return_all_space().await {
            tracing::warn!(
                error = chain(&error),
                "the disk is full, and no free space of the database could be returned to it"
            );
        }
    }

    async fn return_all_space(&self) -> Result<(), Error> {
        let free = async || {
            Ok::<_, Error>(
                self.store.about().await?.files.filter(|f| f.shrinks).map_or(0, |f| f.free),
            )
        };
        let mut before = free().await?;
        while before > 0 {
            let released: Result<(), Error> =
                self.store.write(|conn| Box::pin(space::release(conn))).await;
            released?;
            let remaining = free().await?;
            if remaining >= before {
                break;
            }
            before = remaining;
        }
        space::restart_log(self.store.db()).await.map(drop)
    }

    /// Restores the reserve once there is space, and accepts new events again. Returns whether the
    /// reserve is complete; `had_reserve` is the previous result, so that a change is logged once.
    pub(super) async fn restore_reserve(&self, had_reserve: bool) -> bool {
        let problem = match self.store.restore_reserve(self.clock.now()).await {
            Ok(Restored::Unchanged) => return true,
            Ok(Restored::Recreated) => {
                tracing::info!("the disk has space again; new events are accepted");
                return true;
            }
            Ok(Restored::Partial(bytes)) => {
                format!("only {bytes} bytes of it are held: less than twice its size is free")
            }
            // The writer has logged it.
            Ok(Restored::NoSpace) => return false,
            Err(error) => chain(&error),
        };
        // A full disk has been logged already.
        if had_reserve && !self.is_disk_full() {
            tracing::warn!(
                problem,
                "the reserve is not complete: if the disk fills up, people may be unable to sign in"
            );
        }
        false
    }
}
