//! The data of the status page.

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;

/// The status page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusPage {
    /// The state of the installation in a sentence.
    pub summary: String,
    pub checks: Vec<Check>,
    /// Terms and values: version, retention and the like.
    pub facts: Vec<(String, String)>,
    pub started_at: Timestamp,
    pub now: Timestamp,
}

/// One health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub grade: Grade,
    /// The result in words.
    pub words: String,
    /// The limit, and what to do beyond it.
    pub limit: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    Ok,
    /// Works, but needs attention.
    Warning,
    Problem,
}
