//! One's own account: who one is here, and how one wants to see the portal.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::Error;
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

#[server]
pub async fn read(#[server(default)] draft: String) -> Result<Account, Error> {
    crate::server::forms::preferences::account(&draft).await
}

/// Saves all of them. `use_zone` is what another button of the form says instead of its list.
#[server]
pub async fn save(
    #[server(default)] theme: String,
    #[server(default)] time_zone: String,
    #[server(default)] hours: String,
    #[server(default)] use_zone: String,
) -> Result<(), Error> {
    crate::server::forms::preferences::save(theme, time_zone, hours, use_zone).await
}

/// The theme alone, from the header of any page.
#[server]
pub async fn set_theme(#[server(default)] theme: String) -> Result<(), Error> {
    crate::server::forms::preferences::set_theme(&theme).await
}
