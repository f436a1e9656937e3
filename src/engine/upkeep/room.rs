//! A full disk: frees what can be freed, and lets new events in again once there is room.

use std::time::Duration;

use super::Keeper;
use crate::engine::store::{Error, Restored, error::chain, space};

/// Pause between two clean-ups while the disk is full. The first begins at once.
const AGAIN: Duration = Duration::from_secs(10);

impl Keeper {
    /// Waits for the next clean-up: for the usual time, or until the disk is full.
    pub(super) async fn rest(&self) {
        // Before the look at the disk, so that a disk that becomes full in between is noticed.
        let wants_room = self.store.wants_room();
        let pause = self.retention.every;
        if self.is_disk_full() {
            // Every write that fails says so: they must not make clean-ups follow one another
            // without a pause.
            tokio::time::sleep(pause.min(AGAIN)).await;
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = wants_room => {}
        }
    }

    fn is_disk_full(&self) -> bool {
        self.store.failing().is_some_and(|failing| failing.is_full)
    }

    /// After a clean-up on a full disk: returns free pages, and the space of the log, to the disk.
    pub(super) async fn give_back(&self) {
        if !self.is_disk_full() {
            return;
        }
        if let Err(error) = self.give_all_back().await {
            tracing::warn!(
                error = chain(&error),
                "the disk is full, and no space of the database could be returned to it"
            );
        }
    }

    async fn give_all_back(&self) -> Result<(), Error> {
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
            let left = free().await?;
            if left >= before {
                break;
            }
            before = left;
        }
        space::restart_log(self.store.db()).await.map(drop)
    }

    /// Restores the reserve once there is room, and lets new events in again. Returns whether it
    /// exists; `had_one` says whether it did at the last look.
    pub(super) async fn mind_reserve(&self, had_one: bool) -> bool {
        let problem = match self.store.restore_reserve(self.clock.now()).await {
            Ok(Restored::WasThere) => return true,
            Ok(Restored::Again) => {
                tracing::info!("the disk has room again; new events are accepted");
                return true;
            }
            Ok(Restored::Part(bytes)) => {
                format!("only {bytes} bytes of it are held: less than twice its size is free")
            }
            // That has been logged.
            Ok(Restored::NoRoom) => return false,
            Err(error) => chain(&error),
        };
        // A full disk has been logged already.
        if had_one && !self.is_disk_full() {
            tracing::warn!(
                problem,
                "the reserve is not complete: if the disk fills up, people may be unable to sign in"
            );
        }
        false
    }
}
