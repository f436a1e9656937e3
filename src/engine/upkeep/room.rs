//! When the disk is full: gives back to it whatever can be had, and sees to it that everything goes on once there is room.

use std::time::Duration;

use super::Keeper;
use crate::engine::store::{Error, error::chain, space};

/// How often room is made while the disk is full, beside the first time, which is at once.
const AGAIN: Duration = Duration::from_secs(10);

impl Keeper {
    /// Waits for the next clean-up: the usual time, or until the disk is full. What is past its retention goes at once then.
    pub(super) async fn rest(&self) {
        let pause = self.retention.every;
        let is_full = self.store.failing().is_some_and(|failing| failing.is_full);
        let pause = if is_full { pause.min(AGAIN) } else { pause };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.store.wants_room() => {}
        }
    }

    /// After a clean-up on a full disk: free pages and the log's file go back to the disk.
    pub(super) async fn give_back(&self) {
        if !self.store.failing().is_some_and(|failing| failing.is_full) {
            return;
        }
        if let Err(error) = self.give_all_back().await {
            tracing::warn!(error = chain(&error), "no room could be made on the full disk");
        }
    }

    async fn give_all_back(&self) -> Result<(), Error> {
        let free = async || Ok::<_, Error>(self.store.about().await?.files.filter(|f| f.shrinks).map_or(0, |f| f.free));
        let mut before = free().await?;
        while before > 0 {
            let released: Result<(), Error> = self.store.write(|conn| Box::pin(space::release(conn))).await;
            released?;
            let left = free().await?;
            if left >= before {
                break;
            }
            before = left;
        }
        space::restart_log(self.store.db()).await.map(drop)
    }

    /// Puts the reserve back into its place once there is room, and lets events in again.
    pub(super) async fn mind_reserve(&self) {
        match self.store.restore_reserve().await {
            Ok(false) => {}
            Ok(true) => tracing::info!("there is room on the disk again; events are taken"),
            Err(error) => tracing::debug!(error = chain(&error), "there is no room for the reserve yet"),
        }
    }
}
