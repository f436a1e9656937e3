//! How a person wants to see the portal: judged and kept. Everybody's own; nobody sets another's.

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

/// The person who asks. Programs have no preferences.
pub fn own(ctx: &OpCtx) -> Result<&User, Error> {
    ctx.user.as_ref().ok_or(Error::SignIn)
}

/// Judges what was chosen and keeps it.
pub async fn save(
    ctx: &OpCtx,
    theme: &str,
    time_zone: &str,
    hours: &str,
) -> Result<Preferences, Error> {
    own(ctx)?;
    let mut invalid = Invalid::default();
    let theme = invalid.take(parse_theme(theme));
    if !zones::exists(time_zone) {
        invalid.add("time_zone", "unknown", "Choose a time zone from the list.");
    }
    let hours = Hours::from_key(hours);
    if hours.is_none() {
        invalid.add("hours", "unknown", "Choose 24 or 12 hours.");
    }
    invalid.or(())?;
    let (theme, hours) = (theme.unwrap_or_default(), hours.unwrap_or_default());
    keep(ctx, Preferences { theme, time_zone: time_zone.to_owned(), hours }).await
}

/// Changes the theme and nothing else.
pub async fn set_theme(ctx: &OpCtx, theme: &str) -> Result<Preferences, Error> {
    let preferences = own(ctx)?.preferences.clone();
    keep(ctx, Preferences { theme: parse_theme(theme)?, ..preferences }).await
}

fn parse_theme(theme: &str) -> Result<Theme, Invalid> {
    Theme::from_key(theme)
        .ok_or_else(|| Invalid::one("theme", "unknown", "Choose one of the themes."))
}

async fn keep(ctx: &OpCtx, preferences: Preferences) -> Result<Preferences, Error> {
    let (id, wanted) = (own(ctx)?.id, preferences.clone());
    let kept: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| Box::pin(async move { users::prefer(conn, id, &wanted).await }))
        .await;
    kept?;
    Ok(preferences)
}
