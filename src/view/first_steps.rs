//! View data of the checklist that leads a new installation to its first delivered event.

use serde::{Deserialize, Serialize};

/// How far the installation has come. Each step needs the ones before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstSteps {
    /// The hook that has come furthest: its id, name and the key of its event type.
    pub hook: Option<(String, String, String)>,
    /// A receiver has responded, with any status.
    pub is_reached: bool,
    /// A test was delivered.
    pub is_tested: bool,
}
