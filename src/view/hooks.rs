//! View data of the hook list, the hook page with its charts, and the hook form.

use serde::{Deserialize, Serialize};

use crate::domain::{
    delivery::{Attempt, Delivery},
    event::EventType,
    health::Health,
    hook::{Hook, HookForm},
    hook_query::HookQuery,
    hook_status::HookStatus,
    invalid::Invalid,
    log::AnswerGroup,
    measured::{Outcomes, Range},
    time::Timestamp,
};

/// A page of the hook list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookList {
    pub query: HookQuery,
    pub rows: Vec<HookRow>,
    /// Event types without a hook, if the filter includes them.
    pub not_set_up: Vec<EventType>,
    /// Number of all hooks, of matching hooks, and of pages.
    pub total: usize,
    pub found: usize,
    pub pages: usize,
    /// Number of hooks in each status.
    pub statuses: Vec<(HookStatus, usize)>,
    /// `None` without `deliveries:read`.
    pub figures: Option<Figures>,
    pub now: Timestamp,
}

/// The figures of all hooks: the last 24 hours, and what waits at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// The beginning of the last 24 hours.
    pub from: Timestamp,
    pub delivered: i64,
    pub attempts: Outcomes,
    pub p95: Option<i64>,
    /// Counted up to 10,001, like `held`.
    pub waiting: i64,
    pub held: i64,
    pub held_since: Option<Timestamp>,
}

/// A row of the hook list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRow {
    pub hook: Hook,
    pub details: StatusDetails,
    pub last_attempt: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    /// Outcomes of each of the last 24 hours; empty without `deliveries:read`.
    pub day: Vec<Outcomes>,
}

/// The data of the sentence about a hook's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusDetails {
    pub status: HookStatus,
    pub health: Health,
    /// Outcomes of the last 24 hours.
    pub day: Outcomes,
    /// Deliveries held while it is off or paused, counted up to 10,001.
    pub held: i64,
    /// When the oldest of them was accepted.
    pub held_since: Option<Timestamp>,
}

/// What all pages of one hook show on top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookHead {
    pub hook: Hook,
    pub details: StatusDetails,
    /// Consecutive failures after which the hook is paused.
    pub pauses_after: u32,
    /// Whether the last test succeeded, and when it was sent; if there is one the reader may see.
    pub tested: Option<(bool, Timestamp)>,
    pub now: Timestamp,
}

/// Turning on or off all hooks that match a filter, before it is confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchMatching {
    pub query: HookQuery,
    pub enabled: bool,
    pub names: Vec<String>,
}

/// The page of one hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookPage {
    pub hook: Hook,
    pub details: StatusDetails,
    pub last_attempt: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    /// `None` without `deliveries:read`.
    pub charts: Option<Charts>,
    pub recent: Vec<Delivery>,
    /// Its secrets, directly after the reader asked to reveal them.
    pub secrets: Option<HookSecrets>,
    /// The result of a test that was just sent, if requested.
    pub test: Option<super::deliveries::DeliveryPage>,
    /// After a successful test: what can be sent now.
    pub waiting: Option<SendWaiting>,
    pub now: Timestamp,
}

/// What waits for a retry or is held while a test of the same hook succeeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendWaiting {
    pub hook: String,
    pub is_on: bool,
    /// Counted up to 10,001.
    pub number: i64,
}

/// A hook's secrets. Only a page that was asked to reveal them has this.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookSecrets {
    pub api_key: String,
    pub signing_secret: String,
}

impl std::fmt::Debug for HookSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HookSecrets")
    }
}

/// The state of the API key field, which never contains the key itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyState {
    /// No key yet: one must be entered.
    #[default]
    Missing,
    /// The stored key is kept unless another is entered. Its hint.
    Stored(String),
    /// Entered before and sealed in the draft; used unless another is entered. Its hint.
    Kept(String),
    /// Just generated: shown once.
    Generated(String),
}

/// The form for a new or existing hook, possibly with errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookEditor {
    /// The hook that is edited; `None` for a new one.
    pub id: Option<String>,
    /// The version that the edit is based on (optimistic locking).
    pub version: i64,
    /// As entered, without the API key.
    pub form: HookForm,
    pub key: KeyState,
    pub errors: Invalid,
    /// Warnings by field, which do not prevent saving.
    pub warnings: Invalid,
    /// The result of a test of these unsaved values.
    pub trial: Option<Trial>,
    /// Changes that someone else has saved in the meantime.
    pub conflict: Option<Conflict>,
    /// The hook was deleted while it was edited: the form creates it again.
    pub deleted: Option<DeletedMeanwhile>,
    /// The retry schedule in words, the hook's own or the server's default.
    pub plan: String,
    /// Id of the draft with the entered values.
    pub draft: Option<String>,
}

/// A posted hook form. A new setting is added to [`HookForm`] alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PostedHook {
    /// Empty for a new hook.
    pub id: String,
    /// The version that the edit is based on, as posted.
    pub version: String,
    /// Id of the draft that the form was filled from; empty without one.
    pub draft: String,
    #[serde(flatten)]
    pub form: HookForm,
}

/// An edit conflict: rows of (field, their value, our value).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    pub id: String,
    pub rows: Vec<(String, String, String)>,
}

/// A hook that was deleted while its form was open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedMeanwhile {
    pub name: String,
    pub at: Timestamp,
    pub by: Option<String>,
}

/// The result of testing a form's values.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    pub attempt: Attempt,
    pub event: EventType,
    pub api_key_hint: String,
    /// The signing secret, if it is not the stored one.
    pub fresh_secret: Option<String>,
}

/// Leaves out `fresh_secret`.
impl std::fmt::Debug for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trial")
            .field("attempt", &self.attempt)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

/// The confirmation page for deleting a hook. `open`: deliveries that would be cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookDeletion {
    pub hook: Hook,
    pub open: i64,
}

/// A hook's statistics over a time range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charts {
    pub range: Range,
    pub points: Vec<Point>,
    /// Failed attempts by class, most frequent first.
    pub failures: Vec<(AnswerGroup, i64)>,
    /// Deliveries skipped while it was off, counted up to 10,001.
    pub skipped: i64,
    pub outcomes: Outcomes,
    pub p50: Option<i64>,
    pub p95: Option<i64>,
}

/// One column of a chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    pub from: Timestamp,
    pub outcomes: Outcomes,
    /// Median and 95th percentile of the response time in milliseconds.
    pub p50: Option<i64>,
    pub p95: Option<i64>,
}
