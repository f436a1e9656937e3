//! A job, and the result of a dry run.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    keys::{DeliveryState, JobKind, JobState},
    page::page,
    time::Time,
};
use crate::{
    domain::{
        delivery::State,
        job::{Count, Job},
        job_results::JobResults,
    },
    view::words::jobs::progress,
};

/// A job redelivers many deliveries at a limited pace.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobShape {
    pub id: Uuid,
    pub kind: JobKind,
    pub state: JobState,
    /// The hook whose deliveries it covers. Null: every hook.
    #[schema(required = true)]
    pub hook: Option<Uuid>,
    /// The states of the deliveries it covers.
    pub states: Vec<DeliveryState>,
    #[schema(required = true)]
    pub from: Option<Time>,
    #[schema(required = true)]
    pub to: Option<Time>,
    /// Deliveries per second.
    pub per_second: u32,
    /// Matching deliveries when the job started.
    pub total: i64,
    /// Deliveries that it made due again. `results` says what became of them.
    pub done: i64,
    /// Deliveries left out, because they were settled in the meantime or their payload was removed.
    pub skipped: i64,
    pub results: ResultsShape,
    /// Progress and results in a sentence.
    pub summary: String,
    pub created_by: String,
    pub created_at: Time,
    pub updated_at: Time,
    /// Why the portal paused it.
    #[schema(required = true)]
    pub problem: Option<String>,
}

/// What became of the deliveries that a job redelivered. It can change after the job is done.
#[derive(Serialize, ToSchema)]
#[schema(as = JobResults)]
pub struct ResultsShape {
    pub delivered: i64,
    pub failed: i64,
    /// The next attempt is due, or will be.
    pub waiting: i64,
    /// Held until the hook is turned on.
    pub held_off: i64,
    /// Held until the paused hook recovers.
    pub held_paused: i64,
    pub cancelled: i64,
    /// Counting a state stops at 10,001.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

impl From<JobResults> for ResultsShape {
    fn from(results: JobResults) -> Self {
        Self {
            delivered: results.delivered,
            failed: results.failed,
            waiting: results.waiting,
            held_off: results.held_off,
            held_paused: results.held_paused,
            cancelled: results.cancelled,
            more: results.is_more,
        }
    }
}

impl JobShape {
    pub fn new((job, results): (Job, JobResults)) -> Self {
        Self {
            summary: progress(&job, &results),
            results: results.into(),
            id: job.id.0,
            kind: JobKind(job.kind),
            state: JobState(job.state),
            hook: job.scope.hook.map(|hook| hook.0),
            states: job.scope.states.into_iter().map(DeliveryState).collect(),
            from: job.scope.from.map(Time),
            to: job.scope.to.map(Time),
            per_second: job.per_second,
            total: job.total,
            done: job.done,
            skipped: job.skipped,
            created_by: job.created_by,
            created_at: Time(job.created_at),
            updated_at: Time(job.updated_at),
            problem: job.problem,
        }
    }
}

/// The result of a dry run.
#[derive(Serialize, ToSchema)]
#[schema(as = JobPreview)]
pub struct PreviewShape {
    pub total: i64,
    /// The deliveries by state. States without deliveries are absent.
    #[schema(example = json!({"failed": 12}))]
    pub by_state: BTreeMap<&'static str, i64>,
    /// There are more deliveries; counting stopped at `total`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

impl From<Count> for PreviewShape {
    fn from(count: Count) -> Self {
        let by_state = |state: &State| (state.key(), count.of_state(*state));
        Self {
            total: count.total(),
            by_state: State::ALL.iter().map(by_state).filter(|(_, number)| *number > 0).collect(),
            more: count.is_more,
        }
    }
}

page! {
    /// A page of jobs.
    JobPage of JobShape
}
