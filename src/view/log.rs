//! The log of deliveries, and what was not delivered: what the pages show.

use serde::{Deserialize, Serialize};

use crate::domain::{
    delivery::{Delivery, State},
    invalid::Invalid,
    log::{AnswerGroup, LogQuery},
    time::Timestamp,
};

/// A page of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// What was asked for, with times that say their zone.
    pub query: LogQuery,
    /// Its own address without a query.
    pub path: String,
    /// From and to as the controls show them, and the zone they are meant in.
    pub from: String,
    pub to: String,
    pub zone: String,
    pub rows: Vec<LogRow>,
    /// What the addresses of the rows' own pages end in.
    pub suffix: String,
    /// The hook of the page, where it is of one.
    pub hook: Option<HookName>,
    /// To choose from, where it is of all.
    pub hooks: Vec<HookName>,
    pub links: LogLinks,
    /// How many there are in all, up to 10,000 and one; `None` where that cannot be said at once.
    pub matching: Option<i64>,
    /// For how many days deliveries are kept, and bodies.
    pub kept_days: u64,
    pub bodies_kept_days: u64,
    pub may_see_bodies: bool,
    pub may_replay: bool,
    /// There is nothing in the log at all.
    pub is_empty: bool,
    pub errors: Invalid,
    pub now: Timestamp,
}

/// Where a page of the log leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLinks {
    pub newest: String,
    pub newer: Option<String>,
    pub older: Option<String>,
    /// It looked only so far back (or forth); there it goes on.
    pub further: Option<(Timestamp, String)>,
    /// Where everything that matches can be sent again.
    pub recover: Option<String>,
    /// Where news of this filter come from, on its newest page.
    pub stream: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookName {
    pub id: String,
    pub name: String,
}

/// A delivery and the name of its hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    pub delivery: Delivery,
    pub hook: String,
}

/// What hooks did not get: each hook once, with what failed or was skipped by last answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbox {
    pub hooks: Vec<InboxHook>,
    pub may_replay: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxHook {
    pub id: String,
    pub name: String,
    pub parts: Vec<InboxPart>,
    pub total: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxPart {
    pub state: State,
    pub answer: AnswerGroup,
    pub count: i64,
}
