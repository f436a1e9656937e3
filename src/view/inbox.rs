//! View data of the page of undelivered events, and of dismissals.

use serde::{Deserialize, Serialize};

use crate::domain::{
    delivery::State, dismissal::Dismissal, invalid::Invalid, log::AnswerGroup, time::Timestamp,
};

/// Undelivered events: one entry per hook, grouped by cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbox {
    pub hooks: Vec<InboxHook>,
    /// The search text.
    pub query: String,
    /// There are undelivered events, whether or not they match.
    pub is_any: bool,
    pub may_replay: bool,
    /// The reader may turn hooks on.
    pub may_switch: bool,
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxHook {
    pub id: String,
    pub name: String,
    pub enabled: bool,
    pub parts: Vec<InboxPart>,
    pub total: i64,
    /// Deliveries that are retried automatically, counted up to 10,001. They are not in the total.
    pub retrying: i64,
}

/// The undelivered events of a hook with one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxPart {
    pub state: State,
    /// The last response of what failed.
    pub answer: Option<AnswerGroup>,
    pub count: i64,
    /// When the oldest and the newest were accepted.
    pub ends: Option<(Timestamp, Timestamp)>,
}

/// The question before a dismissal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DismissQuestion {
    pub hook: String,
    pub name: String,
    /// The hook's switch.
    pub is_on: bool,
    pub state: State,
    pub answer: Option<AnswerGroup>,
    /// How many; counting may have stopped at a limit.
    pub count: i64,
    pub is_more: bool,
    /// Until when deliveries were accepted that this page counted.
    pub until: Timestamp,
    /// What was typed, and what is wrong with it.
    pub reason: String,
    pub errors: Invalid,
}

/// A dismissal with the name of its hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DismissalRow {
    pub dismissal: Dismissal,
    /// `None`: it was deleted.
    pub name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DismissalList {
    pub rows: Vec<DismissalRow>,
    pub older: Option<String>,
    pub may_replay: bool,
    pub now: Timestamp,
}
