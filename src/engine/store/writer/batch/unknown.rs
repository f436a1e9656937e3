//! A commit whose outcome is unknown: the connection was cut, or PostgreSQL did not answer in time.
//! The commit is atomic, so the writer asks until it learns whether it happened: no caller may hear
//! "failed" about an event that is stored. Until then the writer refuses all other commands at once
//! instead of letting them wait.

use std::time::Duration;

use super::{Item, WriterTask, bulk::Bulk, settle};
use crate::engine::store::{
    commit::{self, Unwritten},
    error::{Error, chain},
};

/// The least time between two questions.
const AGAIN: Duration = Duration::from_millis(100);
/// How often to check whether the old connection's backend has ended. One that has not by then is
/// stuck.
const WAITS: usize = 30;

impl WriterTask {
    /// [`Unwritten::Stale`]: it did not happen, and can be done again.
    pub(super) async fn resolve_unknown(
        &mut self,
        bulk: &Bulk,
        error: Error,
    ) -> Result<(), Unwritten> {
        tracing::warn!(
            error = chain(&error),
            "a commit was not answered; another connection asks what came of it"
        );
        self.context.writes.failed(&error, self.clock.now());
        let old = self.backend.take();
        self.conn = None;
        loop {
            // This connection may hang as well.
            let asked = tokio::time::timeout(self.db.patience(), self.ask(bulk, old)).await;
            match asked {
                Ok(Ok(found)) => return found,
                Ok(Err(error)) => {
                    tracing::warn!(error = chain(&error), "the database cannot be asked yet")
                }
                Err(_) => tracing::warn!("the database does not say yet what came of a commit"),
            }
            self.conn = None;
            if self.refuse_others(&error).await {
                return Err(Unwritten::Failed(error));
            }
        }
    }

    /// Asks once. The outer error: there was no answer.
    async fn ask(&mut self, bulk: &Bulk, old: Option<i32>) -> Result<Result<(), Unwritten>, Error> {
        let conn = self.connect().await?;
        // Until the old backend has ended, it may still commit.
        let mut is_over = old.is_none();
        for _ in 0..WAITS {
            let Some(pid) = old.filter(|_| !is_over) else { break };
            is_over = conn.end_backend(pid).await?;
            tokio::time::sleep(AGAIN).await;
        }
        Ok(match commit::postgres::was_written(conn, &bulk.accepts(), &bulk.finished()).await? {
            true => Ok(()),
            false if is_over => Err(Unwritten::Stale),
            // The old backend may still commit: a second try could then violate a unique key.
            false => Err(Unwritten::Failed(Error::silent())),
        })
    }

    /// Refuses what came in the meantime, and waits a little. Says whether the writer is to stop.
    async fn refuse_others(&mut self, error: &Error) -> bool {
        let pause = tokio::time::sleep(AGAIN);
        tokio::pin!(pause);
        let mut items = Vec::new();
        loop {
            tokio::select! {
                () = &mut pause => return false,
                count = self.queue.recv_many(&mut items, usize::MAX) => {
                    let is_closing = count == 0 || items.iter().any(|item| matches!(item,
                        Item::Close));
                    for batch in self.sort(&mut items) {
                        settle(batch, Err(error.clone()));
                    }
                    if is_closing {
                        return true;
                    }
                }
            }
        }
    }
}
