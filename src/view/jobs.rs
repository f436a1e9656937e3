//! View data of recoveries and other jobs.

use serde::{Deserialize, Serialize};

use crate::domain::{
    delivery::State,
    invalid::Invalid,
    job::{Count, Job, Spread},
    job_results::JobResults,
    recovery::RecoverForm,
    time::Timestamp,
};

/// The recovery form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverPage {
    pub form: RecoverForm,
    /// From and to as shown in the form controls, and their time zone.
    pub from: String,
    pub to: String,
    pub zone: String,
    /// The hook; `None` for all hooks.
    pub hook: Option<RecoverHook>,
    pub spans: Vec<Span>,
    pub errors: Invalid,
    /// The preview, once requested.
    pub dry_run: Option<DryRun>,
    /// Id of another running job for the same hook.
    pub running: Option<String>,
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverHook {
    pub id: String,
    pub name: String,
    pub url: String,
    pub enabled: bool,
    /// Since when the hook is paused.
    pub paused_since: Option<Timestamp>,
}

/// A selectable time range: key, label and start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub key: String,
    pub words: String,
    pub from: Option<Timestamp>,
}

/// The preview of a recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    pub from: Option<Timestamp>,
    pub to: Timestamp,
    pub count: Count,
    pub spread: Spread,
    pub per_second: u32,
    /// The form with absolute times, so that exactly what was counted is sent.
    pub exact: RecoverForm,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobPage {
    pub job: Job,
    /// What became of the deliveries that it redelivered.
    pub results: JobResults,
    /// Name of the hook; `None` for all hooks.
    pub hook: Option<String>,
    /// It is about one hook, and that still exists.
    pub has_hook: bool,
    pub may_change: bool,
    /// The reader may turn the hook on.
    pub may_switch: bool,
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobList {
    pub jobs: Vec<JobPage>,
    pub older: Option<String>,
    pub now: Timestamp,
}

/// The states that can be redelivered, in display order.
pub const STATES: &[State] = &[State::Failed, State::Skipped, State::Cancelled, State::Delivered];
