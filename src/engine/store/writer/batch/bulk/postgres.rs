//! A bulk write to PostgreSQL, and the answer that may never come.

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
        let written = self.write_planned(&bulk, &plans).await;
        (bulk, written.map(|()| plans))
    }

    async fn write_planned(&mut self, bulk: &Bulk, plans: &Plans) -> Result<(), Unwritten> {
        let (patience, shard, version) =
            (self.db.patience(), self.context.shard, self.context.listeners.version());
        let (accepts, finished) = (bulk.accepts(), bulk.finished());
        let guards = Guards::new(version, &accepts, &finished);
        let rows = Rows::of(&accepts, plans, &finished);
        let commit = commit::postgres::commit(self.conn.as_mut(), shard, &guards, &rows);
        let written = tokio::time::timeout(patience, commit).await;
        let written = written.unwrap_or_else(|_| Err(Unwritten::Unknown(Error::silent())));
        if written.is_err() {
            // The plan may be stale because a hook changed: read the listeners again.
            self.context.listeners.distrust();
        }
        match written {
            Err(Unwritten::Unknown(error)) => self.resolve_unknown(bulk, error).await,
            known => known,
        }
    }
}
