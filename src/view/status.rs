//! How the portal itself does: what the pages show.

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;

/// The status page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusPage {
    pub checks: Vec<Check>,
    /// Terms and what they are: version, database and the like.
    pub facts: Vec<(String, String)>,
    pub started_at: Timestamp,
    pub now: Timestamp,
}

/// Something that is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub grade: Grade,
    /// What was found.
    pub words: String,
    /// From where on it is no longer well, and what to do then.
    pub limit: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    Good,
    /// It works, and somebody should look.
    Watch,
    Bad,
}
