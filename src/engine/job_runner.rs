//! Runs the jobs that the store keeps: a few deliveries at a time, at each job's own pace, until it
//! is done or somebody pauses or cancels it. Several nodes share them: each job is worked on by
//! one, and taken over when that falls silent.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::domain::id::{JobId, NodeId};
use crate::engine::{
    clock::Clock,
    delivery::lease::LEASE,
    store::{Error, Store, error::chain, jobs},
};

/// How often it is looked for jobs that no bell was rung for. (It is rung for those that were begun
/// here, and by the node's heartbeat for those that were begun or left behind elsewhere.)
const LOOK: Duration = Duration::from_secs(5);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// The least time between two steps of the same job.
const TICK: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Clone)]
pub(super) struct Runner {
    pub store: Store,
    pub clock: Clock,
    pub node: NodeId,
    /// Rung when a job was begun here, or changed, or has no living node.
    pub bell: Arc<Notify>,
}

impl Runner {
    /// Works until the store is closed.
    pub(super) async fn serve(self) {
        loop {
            match self.round().await {
                Ok(true) => tokio::time::sleep(TICK).await,
                Ok(false) => drop(tokio::time::timeout(LOOK, self.bell.notified()).await),
                Err(Error::Closed) => return,
                Err(error) => {
                    tracing::error!(error = chain(&error), "a job could not go on");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// One step of each job that is this node's and whose turn it is. Says whether there is any job
    /// at all.
    async fn round(&self) -> Result<bool, Error> {
        let (clock, node, is_alone) =
            (self.clock.clone(), self.node, !self.store.db().is_postgres());
        let mine: Vec<JobId> = self
            .store
            .write_alone(move |conn| {
                Box::pin(async move { jobs::claim(conn, &clock, node, LEASE, is_alone).await })
            })
            .await?;
        let mut failed = None;
        for job in &mine {
            match self.step(*job).await {
                Ok(()) => {}
                Err(Error::Closed) => return Err(Error::Closed),
                Err(error) if error.is_about_a_row() => self.give_up(*job, &error).await?,
                // The database is not well, or this job's part of it: the others are tried all the
                // same.
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(!mine.is_empty()), Err)
    }

    /// One job that cannot go on must not keep the others from it.
    async fn give_up(&self, job: JobId, error: &Error) -> Result<(), Error> {
        let (clock, node, problem) = (self.clock.clone(), self.node, chain(error));
        tracing::error!(job.id = %job, error = problem, "a job cannot go on and is paused");
        self.store
            .write_alone(move |conn| {
                Box::pin(async move { jobs::give_up(conn, &clock, node, job, &problem).await })
            })
            .await
    }

    async fn step(&self, job: JobId) -> Result<(), Error> {
        let (node, clock) = (self.node, self.clock.clone());
        self.store
            .write_alone(move |conn| {
                Box::pin(async move { jobs::step(conn, node, job, clock.now()).await })
            })
            .await
    }
}
