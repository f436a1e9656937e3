//! A commit whose answer never came: the connection was cut, or PostgreSQL said nothing for too long. It is all there or
//! nothing is. The question is asked until it is answered, so that no caller hears "failed" of an event that is stored.
//! Meanwhile everybody else is refused at once instead of being kept waiting.

use std::time::Duration;

use super::{Hands, Item, settle, visits::Plain};
use crate::engine::store::{
    commit::{self, Unwritten},
    error::{Error, chain},
};

/// The least time between two questions.
const AGAIN: Duration = Duration::from_millis(100);
/// How often it is waited for the old connection's process to end. One that does not end by then is stuck itself.
const WAITS: usize = 30;

impl Hands {
    /// [`Unwritten::Unfit`]: it did not happen, and can be done again.
    pub(super) async fn find_out(&mut self, plain: &Plain, error: Error) -> Result<(), Unwritten> {
        tracing::warn!(error = chain(&error), "a commit was not answered; another connection asks what came of it");
        self.context.writes.failed(&error, self.clock.now());
        let old = self.backend.take();
        self.conn = None;
        loop {
            // Both ends of the wait may hang as well.
            let asked = tokio::time::timeout(self.db.patience(), self.ask(plain, old)).await;
            match asked {
                Ok(Ok(found)) => return found,
                Ok(Err(error)) => tracing::warn!(error = chain(&error), "the database cannot be asked yet"),
                Err(_) => tracing::warn!("the database does not say yet what came of a commit"),
            }
            self.conn = None;
            if self.refuse_others(&error).await {
                return Err(Unwritten::Failed(error));
            }
        }
    }

    /// Asks once. The outer error: there was no answer.
    async fn ask(&mut self, plain: &Plain, old: Option<i32>) -> Result<Result<(), Unwritten>, Error> {
        let conn = self.connect().await?;
        // As long as the other process lives it may still commit.
        let mut is_over = old.is_none();
        for _ in 0..WAITS {
            let Some(pid) = old.filter(|_| !is_over) else { break };
            is_over = conn.end_backend(pid).await?;
            tokio::time::sleep(AGAIN).await;
        }
        Ok(match commit::postgres::was_written(conn, &plain.accepts(), &plain.finished()).await? {
            true => Ok(()),
            false if is_over => Err(Unwritten::Unfit),
            // It may be written yet: doing it again could fail on what is there by then.
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
                    let is_closing = count == 0 || items.iter().any(|item| matches!(item, Item::Close));
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
