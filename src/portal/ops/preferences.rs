//! A user's own display preferences. Every user may change only their own.

use super::Error;
use crate::{
    domain::{
        invalid::Invalid,
        preferences::{Hours, Preferences, Theme},
        user::User,
    },
    engine::store::{self},
    portal::{ctx::OpCtx, store::users, zones},
};

/// The signed-in user. API clients have no preferences.
pub fn signed_in_user(ctx: &OpCtx) -> Result<&User, Error> {
    ctx.user.as_ref().ok_or(Error::SignIn)
}

/// Validates and stores preferences.
pub async fn save(
    ctx: &OpCtx,
    theme: &str,
    time_zone: &str,
    hours: &str,
) -> Result<Preferences, Error> {
    signed_in_user(ctx)?;
    let mut invalid = Invalid::default();
    let theme = invalid.take(parse_theme(theme));
    if !zones::exists(time_zone) {
        invalid.add("time_zone", "unknown", "Choose a time zone from the list.");
    }
    let hours = Hours::from_key(hours);
    if hours.is_none() {
        invalid.add("hours", "unknown", "Choose a 24-hour or a 12-hour clock.");
    }
    invalid.or(())?;
    let (theme, hours) = (theme.unwrap_or_default(), hours.unwrap_or_default());
    store_preferences(ctx, Preferences { theme, time_zone: time_zone.to_owned(), hours }).await
}

/// Changes only the theme.
pub async fn set_theme(ctx: &OpCtx, theme: &str) -> Result<Preferences, Error> {
    let preferences = signed_in_user(ctx)?.preferences.clone();
    store_preferences(ctx, Preferences { theme: parse_theme(theme)?, ..preferences }).await
}

fn parse_theme(theme: &str) -> Result<Theme, Invalid> {
    Theme::from_key(theme)
        .ok_or_else(|| Invalid::one("theme", "unknown", "Choose a theme from the list."))
}

async fn store_preferences(ctx: &OpCtx, preferences: Preferences) -> Result<Preferences, Error> {
    let (id, new) = (signed_in_user(ctx)?.id, preferences.clone());
    let written: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| Box::pin(async move { users::set_preferences(conn, id, &new).await }))
        .await;
    written?;
    Ok(preferences)
}
