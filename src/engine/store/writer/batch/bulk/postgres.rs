//! The bulk write to PostgreSQL: one statement, with a timeout.

use super::{super::WriterTask, Bulk, Plans};
use crate::engine::store::{
    commit::{self, Unwritten, plan::Rows, postgres::Guards},
    error::Error,
};

impl WriterTask {
    pub(super) async fn write_postgres(
        &mut self,
        bulk: Bulk,
        plans: Plans,
    ) -> (Bulk, Result<Plans, Unwritten>) {
        let written = self.write_rows(&bulk, &plans).await;
        (bulk, written.map(|()| plans))
    }

    async fn write_rows(&mut self, bulk: &Bulk, plans: &Plans) -> Result<(), Unwritten> {
        let (timeout, shard, version) =
            (self.db.answer_timeout(), self.context.shard, self.context.listeners.version());
        let (accepts, finished) = (bulk.accepts(), bulk.finished());
        let guards = Guards::new(version, &accepts, &finished);
        let rows = Rows::of(&accepts, plans, &finished);
        let commit = commit::postgres::commit(self.conn.as_mut(), shard, &guards, &rows);
        let written = tokio::time::timeout(timeout, commit).await;
        let written = written.unwrap_or_else(|_| Err(Unwritten::Unknown(Error::timed_out())));
        if written.is_err() {
            // The plan may be stale because a hook changed: refresh the cache before the retry.
            self.context.listeners.mark_stale();
        }
        match written {
            Err(Unwritten::Unknown(error)) => self.resolve_unknown(bulk, error).await,
            outcome => outcome,
        }
    }
}
