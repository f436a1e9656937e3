//! The list of hooks, one hook, its form and its charts: what the pages show.

use serde::{Deserialize, Serialize};

use crate::domain::{
    delivery::{Attempt, Delivery},
    event::EventType,
    health::Health,
    hook::{Hook, HookForm},
    hook_query::HookQuery,
    invalid::Invalid,
    log::AnswerGroup,
    measured::{Outcomes, Range},
    standing::Standing,
    time::Timestamp,
};

/// A page of the list of hooks, with the moment it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookList {
    pub query: HookQuery,
    pub rows: Vec<HookRow>,
    /// Events that no hook listens to, where they are asked for.
    pub not_set_up: Vec<EventType>,
    /// Hooks in all, and hooks that fit.
    pub total: usize,
    pub found: usize,
    pub pages: usize,
    pub now: Timestamp,
}

/// A hook, how it stands, and what it did lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRow {
    pub hook: Hook,
    pub condition: Condition,
    pub last: Option<Delivery>,
    /// Of each of the last 24 hours; empty for whoever may not see deliveries.
    pub day: Vec<Outcomes>,
}

/// What the sentence about a hook's condition is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    pub standing: Standing,
    pub health: Health,
    /// What its attempts of the last 24 hours came to.
    pub day: Outcomes,
    /// What is held while it is off or paused; counted up to 10,000 and one.
    pub held: i64,
}

/// One hook and what it did lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookPage {
    pub hook: Hook,
    pub condition: Condition,
    /// Failures in a row after which it is paused.
    pub pauses_after: u32,
    /// `None` for whoever may not see deliveries.
    pub charts: Option<Charts>,
    pub recent: Vec<Delivery>,
    /// What it sends with, just after a person who may see it asked for it.
    pub secrets: Option<HookSecrets>,
    /// The test that was just sent, if the page was asked to show one.
    pub test: Option<super::deliveries::DeliveryPage>,
    pub now: Timestamp,
}

/// A hook's key and signing secret, for the one page that was asked to show them.
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

/// What stands in the form instead of the key itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyState {
    /// None yet: it must be typed.
    #[default]
    Missing,
    /// The stored one stays unless another is typed.
    Stored(String),
    /// Typed before; it waits sealed and is used unless another is typed.
    Kept(String),
    /// Just made: shown this once.
    Generated(String),
}

/// The form for making or changing a hook, perhaps shown again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookEditor {
    /// The hook that is changed; `None` for a new one.
    pub id: Option<String>,
    /// The version the change is made on.
    pub version: i64,
    /// As typed, without the key.
    pub form: HookForm,
    pub key: KeyState,
    pub errors: Invalid,
    /// What is accepted although it may not work, by field.
    pub warnings: Invalid,
    /// What came of a test of these values, which are not saved.
    pub trial: Option<Trial>,
    /// What somebody else saved meanwhile.
    pub conflict: Option<Conflict>,
    /// When a failed delivery is tried again, in words; of the operator's settings or of the hook's
    /// own.
    pub plan: String,
    /// Where the typed values wait.
    pub draft: Option<String>,
}

/// A hook as somebody else saved it, beside what was typed: name, theirs, ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    pub id: String,
    pub rows: Vec<(String, String, String)>,
}

/// One request that was sent to where a hook would lead that is not saved.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    pub attempt: Attempt,
    pub event: EventType,
    pub api_key_hint: String,
    /// The secret it was signed with, if it is not the stored one.
    pub fresh_secret: Option<String>,
}

/// The secret is one: a debug print must not show it.
impl std::fmt::Debug for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trial")
            .field("attempt", &self.attempt)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

/// What deleting a hook would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookDeletion {
    pub hook: Hook,
    pub open: i64,
}

/// What a hook did over a range of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charts {
    pub range: Range,
    pub points: Vec<Point>,
    /// How many attempts failed how, the most first.
    pub failures: Vec<(AnswerGroup, i64)>,
    /// Events that came while it was off; counted up to 10,000 and one.
    pub skipped: i64,
    pub outcomes: Outcomes,
    pub p50: Option<i64>,
    pub p95: Option<i64>,
}

/// A hook's numbers between two moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    pub from: Timestamp,
    pub outcomes: Outcomes,
    /// Milliseconds that half, and all but a twentieth, of the attempts stayed below.
    pub p50: Option<i64>,
    pub p95: Option<i64>,
}
