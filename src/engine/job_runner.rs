//! Runs the jobs stored in the database: a few deliveries per step, at the pace of each job, until
//! it is done, paused or cancelled. Nodes share the jobs: each job is leased by one node, and
//! another claims it when the lease expires.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::domain::id::{JobId, NodeId};
use crate::engine::{
    clock::Clock,
    delivery::lease::LEASE,
    store::{Error, Store, error::chain, jobs},
};

/// How often jobs are polled without a wake-up. (Wake-ups come from changes on this node, and from
/// its heartbeat for jobs that were begun or abandoned on other nodes.)
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Delay after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The shortest time between two steps of a job.
const STEP_INTERVAL: Duration = Duration::from_millis(100);

/// The task that runs jobs on this node.
#[derive(Clone)]
pub(super) struct Runner {
    pub store: Store,
    pub clock: Clock,
    pub node: NodeId,
    /// Notified when a job was begun or changed here, or has lost its node.
    pub wake: Arc<Notify>,
}

impl Runner {
    /// Runs until the store is closed.
    pub(super) async fn serve(self) {
        loop {
            match self.round().await {
                Ok(true) => tokio::time::sleep(STEP_INTERVAL).await,
                Ok(false) => drop(tokio::time::timeout(POLL_INTERVAL, self.wake.notified()).await),
                Err(Error::Closed) => return,
                Err(error) => {
                    tracing::error!(error = chain(&error), "a job failed to continue");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// Claims jobs and runs one step of each that this node owns. Returns whether it owns any.
    async fn round(&self) -> Result<bool, Error> {
        let (clock, node, is_alone) =
            (self.clock.clone(), self.node, !self.store.db().is_postgres());
        let owned: Vec<JobId> = self
            .store
            .write_alone(move |conn| {
                Box::pin(async move { jobs::claim(conn, &clock, node, LEASE, is_alone).await })
            })
            .await?;
        let mut last_error = None;
        for job in &owned {
            match self.step(*job).await {
                Ok(()) => {}
                Err(Error::Closed) => return Err(Error::Closed),
                Err(error) if error.is_row_error() => self.pause(*job, &error).await?,
                // The database fails, or only rows of this job: still try the other jobs.
                Err(error) => last_error = Some(error),
            }
        }
        last_error.map_or(Ok(!owned.is_empty()), Err)
    }

    /// Pauses a job that cannot continue, so that it does not block the others.
    async fn pause(&self, job: JobId, error: &Error) -> Result<(), Error> {
        let (clock, node, problem) = (self.clock.clone(), self.node, chain(error));
        tracing::error!(job.id = %job, error = problem, "a job failed and is paused");
        self.store
            .write_alone(move |conn| {
                Box::pin(async move {
                    jobs::pause_with_problem(conn, &clock, node, job, &problem).await
                })
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
