//! Recoveries and other jobs: what the pages show.

use serde::{Deserialize, Serialize};

use crate::domain::{
    delivery::State,
    invalid::Invalid,
    job::{Count, Job, Spread},
    recovery::RecoverForm,
    time::Timestamp,
};

/// The page on which a recovery is put together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverPage {
    pub form: RecoverForm,
    /// From and to as the controls show them, and the zone they are meant in.
    pub from: String,
    pub to: String,
    pub zone: String,
    /// Its hook; without one it is for all of them.
    pub hook: Option<RecoverHook>,
    pub spans: Vec<Span>,
    pub errors: Invalid,
    /// What was counted, once it was asked for.
    pub dry_run: Option<DryRun>,
    /// Another job that is under way for the same hook.
    pub running: Option<String>,
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverHook {
    pub id: String,
    pub name: String,
    pub url: String,
    pub enabled: bool,
    /// Since when its receiver is left alone.
    pub paused_since: Option<Timestamp>,
}

/// A span of time to choose: its key, its words, and when it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub key: String,
    pub words: String,
    pub from: Option<Timestamp>,
}

/// What a recovery would send, as things stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    pub from: Option<Timestamp>,
    pub to: Timestamp,
    pub count: Count,
    pub spread: Spread,
    pub per_second: u32,
    /// With the moments it was counted for, so that what is begun is what was counted.
    pub exact: RecoverForm,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobPage {
    pub job: Job,
    /// Whose deliveries; `None` for all hooks'.
    pub hook: Option<String>,
    pub may_change: bool,
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobList {
    pub jobs: Vec<JobPage>,
    pub older: Option<String>,
    pub now: Timestamp,
}

/// The states that can be sent again, in the order in which they are offered.
pub const STATES: &[State] = &[State::Failed, State::Skipped, State::Cancelled, State::Delivered];
