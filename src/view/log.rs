//! View data of the delivery log.

use serde::{Deserialize, Serialize};

use crate::domain::{
    delivery::Delivery, histogram::Histogram, invalid::Invalid, log::LogQuery, time::Timestamp,
};

/// A page of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// The query, with times that include their zone.
    pub query: LogQuery,
    /// The page's path without query.
    pub path: String,
    /// From and to as shown in the form controls, and their time zone.
    pub from: String,
    pub to: String,
    pub zone: String,
    pub rows: Vec<LogRow>,
    /// Query string for links to the rows' own pages.
    pub suffix: String,
    /// The hook, if this is the log of one hook.
    pub hook: Option<HookName>,
    /// Hooks to filter by, if this is the log of all hooks.
    pub hooks: Vec<HookName>,
    pub links: LogLinks,
    /// Number of matches, counted up to 10,001; `None` if counting is too expensive.
    pub matching: Option<i64>,
    /// The matches over time; `None` for a search in payloads, and if there are none.
    pub histogram: Option<Histogram>,
    /// How many deliveries this page of a search in payloads read.
    pub searched: Option<i64>,
    /// The reader's saved views of this list.
    pub views: Vec<SavedView>,
    /// Retention of deliveries and of payloads in days.
    pub kept_days: u64,
    pub bodies_kept_days: u64,
    pub may_see_bodies: bool,
    pub may_replay: bool,
    /// The log has no deliveries at all.
    pub is_empty: bool,
    pub errors: Invalid,
    pub now: Timestamp,
}

/// Links of a log page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLinks {
    pub newest: String,
    pub newer: Option<String>,
    pub older: Option<String>,
    /// The scan stopped at its limit: the time it reached, and the link that continues there.
    pub further: Option<(Timestamp, String)>,
    /// Link to redeliver everything that matches.
    pub recover: Option<String>,
    /// This is the newest page, where new matches appear.
    pub is_newest: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookName {
    pub id: String,
    pub name: String,
}

/// A filter that a user saved under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedView {
    pub id: String,
    pub name: String,
    /// Query string of the list, without the question mark.
    pub query: String,
}

/// A delivery with its hook's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    pub delivery: Delivery,
    pub hook: String,
    /// Why nothing can be done with it now; `None`: it can be redelivered or tried.
    pub refused: Option<String>,
}
