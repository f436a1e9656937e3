//! View data of the account page.

use serde::{Deserialize, Serialize};

use super::account::Security;
use crate::domain::{invalid::Invalid, preferences::Preferences, time::Timestamp, user::User};

/// The page `/account`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub user: User,
    pub form: PreferencesForm,
    /// The time zones to choose from.
    pub zones: Vec<String>,
    pub now: Timestamp,
    pub security: Security,
}

/// The preferences form, possibly with errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreferencesForm {
    pub theme: String,
    pub time_zone: String,
    pub hours: String,
    pub errors: Invalid,
}

impl From<&Preferences> for PreferencesForm {
    fn from(preferences: &Preferences) -> Self {
        Self {
            theme: preferences.theme.key().to_owned(),
            time_zone: preferences.time_zone.clone(),
            hours: preferences.hours.count().to_string(),
            errors: Invalid::default(),
        }
    }
}
