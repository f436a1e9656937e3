//! View data of the security part of the account page.

use serde::{Deserialize, Serialize};

use crate::domain::{invalid::Invalid, time::Timestamp};

/// Password and sessions of the reader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    pub sessions: Vec<SessionRow>,
    /// Errors of the password form. What was typed is not kept.
    pub password_errors: Invalid,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    pub id: String,
    /// "Firefox on Windows".
    pub device: String,
    /// Empty if unknown.
    pub address: String,
    pub signed_in: Timestamp,
    pub last_used: Timestamp,
    /// The session of the reader's own browser.
    pub is_current: bool,
}
