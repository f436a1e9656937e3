//! The account page of the signed-in user, and the theme menu.

use serde::Deserialize;

use super::{account::security, flash};
use crate::{
    domain::preferences::Preferences,
    portal::{
        ops::{self, drafts},
        request::{Request, redirect, remember_theme, request},
        zones,
    },
    view::{
        Error,
        preferences::{Account, PreferencesForm},
        session::FlashKind,
        words::session::PREFERENCES_SAVED,
    },
};

/// Longer than the longest time zone name. Longer input is cut before it is kept in a draft.
const MOST_KEPT: usize = 64;

pub async fn account(draft_id: &str, secrets: &str) -> Result<Account, Error> {
    let request = request()?;
    let user = request.respond(ops::preferences::signed_in_user(&request.ctx).cloned())?;
    let draft: Option<PreferencesForm> =
        request.respond(drafts::find(&request.ctx, &request.session, draft_id).await)?;
    let security = security(&request, draft_id, secrets).await?;
    let form = draft.unwrap_or_else(|| PreferencesForm::from(&user.preferences));
    let now = request.ctx.portal.clock().now();
    Ok(Account { user, form, zones: zones::names(), now, security })
}

pub async fn save(
    theme: String,
    listed: String,
    hours: String,
    offered: String,
) -> Result<(), Error> {
    let request = request()?;
    let time_zone = if offered.is_empty() { listed } else { offered };
    match ops::preferences::save(&request.ctx, &theme, &time_zone, &hours).await {
        Ok(Preferences { theme, .. }) => {
            remember_theme(theme, &request);
            flash(&request, FlashKind::Done, PREFERENCES_SAVED).await;
            redirect("/account");
        }
        Err(ops::Error::Invalid(errors)) => {
            return keep(&request, PreferencesForm { theme, time_zone, hours, errors }).await;
        }
        Err(error) => return request.respond(Err(error)),
    }
    Ok(())
}

async fn keep(request: &Request, form: PreferencesForm) -> Result<(), Error> {
    let clipped = |text: String| text.chars().take(MOST_KEPT).collect();
    let form = PreferencesForm {
        theme: clipped(form.theme),
        time_zone: clipped(form.time_zone),
        hours: clipped(form.hours),
        errors: form.errors,
    };
    let draft = request.respond(drafts::keep(&request.ctx, &request.session, &form).await)?;
    redirect(&format!("/account?draft={draft}"));
    Ok(())
}

/// The form as it is posted.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PostedPreferences {
    theme: String,
    time_zone: String,
    hours: String,
    use_zone: String,
}

/// Shows a form again that was posted while its user was signed out. Nothing is saved.
pub async fn resume(request: &Request, posted: PostedPreferences) -> Result<(), Error> {
    let PostedPreferences { theme, time_zone, hours, use_zone } = posted;
    let time_zone = if use_zone.is_empty() { time_zone } else { use_zone };
    keep(request, PreferencesForm { theme, time_zone, hours, ..PreferencesForm::default() }).await
}

pub async fn set_theme(theme: &str) -> Result<(), Error> {
    let request = request()?;
    let preferences = request.respond(ops::preferences::set_theme(&request.ctx, theme).await)?;
    remember_theme(preferences.theme, &request);
    redirect(&request.came_from("/account"));
    Ok(())
}
