//! Requests that start or change a job.

use serde::Deserialize;
use utoipa::ToSchema;

use super::delivery::{EventRef, HookRef};
use crate::{
    domain::{
        delivery::State,
        id::HookId,
        job::{JobState, Scope},
    },
    http::api::v1::shapes::{keys::FinalStates, time::Time},
};

/// The missed deliveries of a hook to redeliver.
#[derive(Deserialize, ToSchema)]
pub struct Recovery {
    /// Only deliveries accepted at or after this time.
    #[schema(required = true, value_type = Time)]
    pub since: Option<Time>,
    /// Only deliveries accepted before this time. Default: now.
    #[schema(value_type = Time, required = false)]
    pub until: Option<Time>,
    /// Default: failed, skipped and cancelled.
    #[schema(value_type = FinalStates, required = false)]
    pub states: Option<FinalStates>,
    /// Deliveries per second.
    #[schema(value_type = u32, required = false, minimum = 1, maximum = 1000, default = 50)]
    pub per_second: Option<i64>,
    /// Only count the matching deliveries.
    #[serde(default)]
    #[schema(default = false)]
    pub dry_run: bool,
}

impl Recovery {
    /// The deliveries of this hook that the request selects.
    pub fn scope(&mut self, hook: HookId) -> Scope {
        let usual = [State::Failed, State::Skipped, State::Cancelled];
        Scope {
            hook: Some(hook),
            from: self.since.map(|Time(since)| since),
            to: self.until.map(|Time(until)| until),
            states: self.states.take().map_or(usual.to_vec(), |FinalStates(states)| states),
            ..Scope::default()
        }
    }
}

/// The deliveries to redeliver. At least one of `hook`, `event`, `states`, `from` and `to` is
/// required, unless it is a dry run.
#[derive(Deserialize, ToSchema)]
pub struct Redelivery {
    /// Only deliveries of this hook.
    #[schema(value_type = Uuid, required = false)]
    pub hook: Option<HookRef>,
    /// Only deliveries of one event (its id) or of an event type (its key).
    #[schema(value_type = String, required = false)]
    pub event: Option<EventRef>,
    /// Only deliveries accepted at or after this time.
    #[schema(value_type = Time, required = false)]
    pub from: Option<Time>,
    /// Only deliveries accepted before this time.
    #[schema(value_type = Time, required = false)]
    pub to: Option<Time>,
    /// Default: failed.
    #[schema(value_type = FinalStates, required = false)]
    pub states: Option<FinalStates>,
    /// Deliveries per second.
    #[schema(value_type = u32, required = false, minimum = 1, maximum = 1000, default = 50)]
    pub per_second: Option<i64>,
    /// Only count the matching deliveries.
    #[serde(default)]
    #[schema(default = false)]
    pub dry_run: bool,
}

impl Redelivery {
    /// Does it have a filter?
    pub fn has_filter(&self) -> bool {
        self.hook.is_some()
            || self.event.is_some()
            || self.states.is_some()
            || self.from.is_some()
            || self.to.is_some()
    }

    pub fn scope(self) -> Scope {
        let (event, event_type) = EventRef::split(self.event);
        Scope {
            hook: self.hook.map(|HookRef(hook)| hook),
            event,
            event_type,
            states: self.states.map_or(vec![State::Failed], |FinalStates(states)| states),
            from: self.from.map(|Time(from)| from),
            to: self.to.map(|Time(to)| to),
            ..Scope::default()
        }
    }
}

/// Changes to a job.
#[derive(Deserialize, ToSchema)]
pub struct JobUpdate {
    #[schema(value_type = JobMove, required = false)]
    pub state: Option<JobMove>,
    /// Deliveries per second.
    #[schema(value_type = u32, required = false, minimum = 1, maximum = 1000)]
    pub per_second: Option<i64>,
}

/// The states that a request can set.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobMove {
    Running,
    Paused,
    Cancelled,
}

impl From<JobMove> for JobState {
    fn from(next: JobMove) -> Self {
        match next {
            JobMove::Running => Self::Running,
            JobMove::Paused => Self::Paused,
            JobMove::Cancelled => Self::Cancelled,
        }
    }
}
