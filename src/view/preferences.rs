//! One's own account: what the pages show.

use serde::{Deserialize, Serialize};

use crate::domain::{invalid::Invalid, preferences::Preferences, time::Timestamp, user::User};

/// What `/account` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub user: User,
    pub form: PreferencesForm,
    /// The zones there are to choose from.
    pub zones: Vec<String>,
    pub now: Timestamp,
}

/// The preferences as chosen, perhaps shown again.
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
