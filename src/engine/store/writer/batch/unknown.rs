//! Resolves a commit whose outcome is unknown: the connection was lost, or PostgreSQL did not reply
//! in time. A caller must never be told that an event failed which is in fact stored. The commit is
//! atomic, so the writer queries over new connections until it knows whether it happened. Until
//! then all other commands fail immediately instead of waiting.

use std::time::Duration;

use super::{Item, WriterTask, answer_all, bulk::Bulk};
use crate::engine::store::{
    commit::{self, Unwritten},
    error::{Error, chain},
};

/// The pause between two checks.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// How often to check whether the backend of the old connection has ended, before it counts as
/// stuck.
const MAX_BACKEND_CHECKS: usize = 30;

impl WriterTask {
    /// `Ok`: the bulk write was committed. [`Unwritten::Stale`]: it was not, and can be retried.
    /// Other errors: still unknown; the store is closing, or the old backend is stuck.
    pub(super) async fn resolve_unknown(
        &mut self,
        bulk: &Bulk,
        error: Error,
    ) -> Result<(), Unwritten> {
        tracing::warn!(
            error = chain(&error),
            "the outcome of a commit is unknown; asking over another connection"
        );
        self.context.writes.failed(&error, self.clock.now());
        let old_backend = self.backend.take();
        self.conn = None;
        loop {
            // The new connection may hang as well.
            let timeout = self.db.answer_timeout();
            let query = self.query_outcome(bulk, old_backend);
            match tokio::time::timeout(timeout, query).await {
                Ok(Ok(outcome)) => return outcome,
                Ok(Err(error)) => {
                    tracing::warn!(error = chain(&error), "the database can't be reached yet")
                }
                Err(_) => tracing::warn!("the outcome of a commit is still unknown"),
            }
            self.conn = None;
            if self.reject_queued(&error).await {
                return Err(Unwritten::Failed(error));
            }
        }
    }

    /// Queries the outcome once. The outer error means that the query itself failed.
    async fn query_outcome(
        &mut self,
        bulk: &Bulk,
        old_backend: Option<i32>,
    ) -> Result<Result<(), Unwritten>, Error> {
        let conn = self.connect().await?;
        // The old backend may still commit until it has ended.
        let mut has_ended = old_backend.is_none();
        for _ in 0..MAX_BACKEND_CHECKS {
            let Some(pid) = old_backend.filter(|_| !has_ended) else { break };
            has_ended = conn.end_backend(pid).await?;
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
        Ok(match commit::postgres::was_written(conn, &bulk.accepts(), &bulk.finished()).await? {
            true => Ok(()),
            false if has_ended => Err(Unwritten::Stale),
            // The old backend may still commit, and a retry could then violate a unique key.
            false => Err(Unwritten::Failed(Error::timed_out())),
        })
    }

    /// Fails all commands that are queued or arrive during a short pause. Returns true if the store
    /// is closing.
    async fn reject_queued(&mut self, error: &Error) -> bool {
        let pause = tokio::time::sleep(RETRY_INTERVAL);
        tokio::pin!(pause);
        let mut items = Vec::new();
        loop {
            tokio::select! {
                () = &mut pause => return false,
                count = self.queue.recv_many(&mut items, usize::MAX) => {
                    let is_closing = count == 0 || items.iter().any(|item| matches!(item,
                        Item::Close));
                    for batch in self.split_into_batches(&mut items) {
                        answer_all(batch, Err(error.clone()));
                    }
                    if is_closing {
                        return true;
                    }
                }
            }
        }
    }
}
