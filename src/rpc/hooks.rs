//! Hooks: what their pages read and what their forms do.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::domain::{
    delivery::{Attempt, Delivery},
    event::EventType,
    health::Health,
    hook::{Hook, HookForm, TypedTuning},
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
    pub doubts: Invalid,
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
pub struct HookFarewell {
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

#[server]
pub async fn list(
    #[server(default)] q: String,
    #[server(default)] status: String,
    #[server(default)] sort: String,
    #[server(default)] page: String,
) -> Result<HookList, Error> {
    crate::server::forms::hooks::list(&q, &status, &sort, &page).await
}

/// Slides several hooks on or off.
#[server]
pub async fn set_enabled_many(
    #[server(default)] ids: Vec<String>,
    #[server(default)] enabled: String,
) -> Result<(), Error> {
    crate::server::forms::hooks::set_enabled_many(&ids, crate::server::forms::is_on(&enabled)).await
}

#[server]
pub async fn detail(
    #[server(default)] id: String,
    #[server(default)] test: String,
    #[server(default)] secrets: String,
    #[server(default)] range: String,
) -> Result<HookPage, Error> {
    crate::server::forms::hooks::detail(&id, &test, &secrets, &range).await
}

/// Shows a hook's key and signing secret on its page, to those who may see them.
#[server]
pub async fn reveal(#[server(default)] id: String) -> Result<(), Error> {
    crate::server::forms::hooks::reveal(&id).await
}

/// The form for a new hook: empty, a copy of another hook, for one event, or shown again.
#[server]
pub async fn new_editor(
    #[server(default)] event: String,
    #[server(default)] clone: String,
    #[server(default)] draft: String,
) -> Result<HookEditor, Error> {
    crate::server::forms::editor::for_new(event, &clone, draft).await
}

#[server]
pub async fn editor(
    #[server(default)] id: String,
    #[server(default)] draft: String,
) -> Result<HookEditor, Error> {
    crate::server::forms::editor::for_hook(&id, draft).await
}

#[server]
pub async fn farewell(#[server(default)] id: String) -> Result<HookFarewell, Error> {
    crate::server::forms::hooks::farewell(&id).await
}

#[server]
pub async fn create(
    #[server(default)] name: String,
    #[server(default)] event_type: String,
    #[server(default)] callback_url: String,
    #[server(default)] api_key: String,
    #[server(default)] enabled: String,
    #[server(default)] tuning: TypedTuning,
    #[server(default)] draft: String,
) -> Result<(), Error> {
    let form = HookForm {
        name,
        event_type,
        callback_url,
        api_key,
        enabled: crate::server::forms::is_on(&enabled),
        tuning,
    };
    crate::server::forms::editor::create(form, draft).await
}

#[server]
pub async fn update(
    #[server(default)] id: String,
    #[server(default)] version: String,
    #[server(default)] name: String,
    #[server(default)] event_type: String,
    #[server(default)] callback_url: String,
    #[server(default)] api_key: String,
    #[server(default)] enabled: String,
    #[server(default)] tuning: TypedTuning,
    #[server(default)] draft: String,
) -> Result<(), Error> {
    let form = HookForm {
        name,
        event_type,
        callback_url,
        api_key,
        enabled: crate::server::forms::is_on(&enabled),
        tuning,
    };
    crate::server::forms::editor::update(id, version, form, draft).await
}

/// Puts a new key into the form and shows it; nothing is saved yet.
#[server]
pub async fn generate_key(
    #[server(default)] id: String,
    #[server(default)] version: String,
    #[server(default)] name: String,
    #[server(default)] event_type: String,
    #[server(default)] callback_url: String,
    #[server(default)] enabled: String,
    #[server(default)] tuning: TypedTuning,
    #[server(default)] draft: String,
) -> Result<(), Error> {
    let form = HookForm {
        name,
        event_type,
        callback_url,
        enabled: crate::server::forms::is_on(&enabled),
        tuning,
        ..HookForm::default()
    };
    crate::server::forms::editor::generate_key(id, version, form, draft).await
}

/// Sends the sample to where the values of the form lead, and shows the form again with what came
/// back. Saves nothing.
#[server]
pub async fn try_out(
    #[server(default)] id: String,
    #[server(default)] version: String,
    #[server(default)] name: String,
    #[server(default)] event_type: String,
    #[server(default)] callback_url: String,
    #[server(default)] api_key: String,
    #[server(default)] enabled: String,
    #[server(default)] tuning: TypedTuning,
    #[server(default)] draft: String,
) -> Result<(), Error> {
    let form = HookForm {
        name,
        event_type,
        callback_url,
        api_key,
        enabled: crate::server::forms::is_on(&enabled),
        tuning,
    };
    crate::server::forms::editor::try_out(id, version, form, draft).await
}

/// Slides a hook on or off and says where it stands now.
#[server]
pub async fn set_enabled(
    #[server(default)] id: String,
    #[server(default)] enabled: String,
) -> Result<bool, Error> {
    crate::server::forms::hooks::set_enabled(&id, crate::server::forms::is_on(&enabled)).await
}

#[server]
pub async fn delete(#[server(default)] id: String) -> Result<(), Error> {
    crate::server::forms::hooks::delete(&id).await
}

/// Sends the sample to a hook and shows what came back.
#[server]
pub async fn send_test(#[server(default)] id: String) -> Result<(), Error> {
    crate::server::forms::hooks::send_test(&id).await
}
