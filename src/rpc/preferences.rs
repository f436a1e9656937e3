//! The user's own account page and preferences.

use leptos::prelude::*;

use crate::view::{Error, preferences::Account};

#[server]
pub async fn read(
    #[server(default)] draft: String,
    #[server(default)] secrets: String,
) -> Result<Account, Error> {
    crate::portal::handlers::preferences::account(&draft, &secrets).await
}

/// Saves all preferences. `use_zone` comes from a second submit button and overrides `time_zone`.
#[server]
pub async fn save(
    #[server(default)] theme: String,
    #[server(default)] time_zone: String,
    #[server(default)] hours: String,
    #[server(default)] use_zone: String,
) -> Result<(), Error> {
    crate::portal::handlers::preferences::save(theme, time_zone, hours, use_zone).await
}

/// Saves only the theme, from the header of any page.
#[server]
pub async fn set_theme(#[server(default)] theme: String) -> Result<(), Error> {
    crate::portal::handlers::preferences::set_theme(&theme).await
}
