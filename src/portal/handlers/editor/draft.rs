//! What was typed into a hook's form and is not saved: sealed, for the session that typed it, for
//! ten minutes.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        event::EventType,
        hook::{Hook, HookForm, api_key_hint},
        invalid::Invalid,
        retry::plan_in_words,
    },
    portal::{
        ops::{self, drafts},
        request::{Request, go},
    },
    view::{
        Error,
        hooks::{Conflict, HookEditor, KeyState, Trial},
    },
};

/// What was typed, with its key, and what became of it.
#[derive(Default, Serialize, Deserialize)]
pub struct Draft {
    pub form: HookForm,
    pub errors: Invalid,
    pub warnings: Invalid,
    /// Empty for a new hook.
    pub id: String,
    pub version: i64,
    pub is_stale: bool,
    /// The key was made by us and is shown.
    pub is_generated: bool,
    /// What a new hook was tested with, and will sign with.
    pub signing_secret: Option<String>,
    pub trial: Option<Trial>,
    /// Something was typed into this form before, and was found again.
    #[serde(skip)]
    pub is_resumed: bool,
}

impl Draft {
    /// A form that was posted, with what of its draft is still good: an empty key field means the
    /// key that was typed before, and a tested secret stays.
    pub async fn resume(
        request: &Request,
        form: HookForm,
        id: &str,
        version: i64,
        draft: &str,
    ) -> Result<Self, Error> {
        let fresh = Self { form, id: id.to_owned(), version, ..Self::default() };
        let Some(before) = find(request, draft).await?.filter(|before| before.id == id) else {
            return Ok(fresh);
        };
        let mut form = fresh.form;
        if form.api_key.is_empty() && before.key_state() != KeyState::Missing {
            form.api_key = before.form.api_key.clone();
        }
        let is_generated = before.is_generated && form.api_key == before.form.api_key;
        let signing_secret = before.signing_secret;
        Ok(Self { form, is_generated, signing_secret, is_resumed: true, ..fresh })
    }

    pub fn key_state(&self) -> KeyState {
        let key = &self.form.api_key;
        match (key.is_empty() || self.errors.message("api_key").is_some(), self.is_generated) {
            (true, _) => KeyState::Missing,
            (false, true) => KeyState::Generated(key.clone()),
            (false, false) => KeyState::Kept(api_key_hint(key)),
        }
    }

    /// The form as it may stand in a page.
    pub fn editor(self, request: &Request, id: String) -> HookEditor {
        let key = self.key_state();
        let form = HookForm { api_key: String::new(), ..self.form };
        HookEditor {
            version: self.version,
            plan: plan(request, &form),
            form,
            key,
            errors: self.errors,
            warnings: self.warnings,
            trial: self.trial,
            draft: Some(id),
            ..HookEditor::default()
        }
    }
}

pub async fn find(request: &Request, draft: &str) -> Result<Option<Draft>, Error> {
    request.tell(drafts::find(&request.ctx, &request.session, draft).await)
}

/// Keeps the draft and leads back to its form.
pub async fn keep(request: &Request, draft: Draft, anchor: &str) -> Result<(), Error> {
    let kept = request.tell(drafts::keep(&request.ctx, &request.session, &draft).await)?;
    match draft.id.as_str() {
        "" => go(&format!("/integration/hooks/new?draft={kept}{anchor}")),
        id => go(&format!("/integration/hooks/{id}/settings?draft={kept}{anchor}")),
    }
    Ok(())
}

/// When it would be tried again: by the form's own plan, if that can be read, or by the operator's.
pub fn plan(request: &Request, form: &HookForm) -> String {
    let own = ops::tuning::parse(&form.tuning).ok().and_then(|tuning| tuning.retry_schedule);
    plan_in_words(own.as_ref().unwrap_or(&request.ctx.portal.settings.delivery.retry_schedule))
}

/// What somebody else saved beside what was typed here.
pub fn conflict(theirs: &Hook, draft: &Draft) -> Conflict {
    let ours = &draft.form;
    let state = |on: bool| if on { "on" } else { "off" }.to_owned();
    let event = |key: &str| {
        EventType::from_key(key).map_or_else(|| "none".to_owned(), |event| event.name().to_owned())
    };
    let key = match ours.api_key.as_str() {
        "" => theirs.api_key_hint.clone(),
        // Two keys may end alike: that another was entered is what differs.
        key => format!("{}, entered here", api_key_hint(key)),
    };
    let tuning = ops::tuning::typed(&theirs.tuning);
    let typed = &ours.tuning;
    let rows = [
        ("Name", theirs.name.clone(), ours.name.clone()),
        ("Event", event(theirs.event_type.key()), event(&ours.event_type)),
        ("Callback URL", theirs.callback_url.clone(), ours.callback_url.clone()),
        ("API key", theirs.api_key_hint.clone(), key),
        ("Enabled", state(theirs.enabled), state(ours.enabled)),
        ("Retries after", tuning.retry_schedule, typed.retry_schedule.clone()),
        ("Time-out", tuning.timeout, typed.timeout.clone()),
        ("Attempts at once", tuning.in_flight, typed.in_flight.clone()),
        ("Attempts a second", tuning.rate_per_second, typed.rate_per_second.clone()),
        ("In order of", tuning.order_by, typed.order_by.clone()),
    ];
    let said = rows.into_iter().filter(|(_, theirs, ours)| !(theirs.is_empty() && ours.is_empty()));
    let rows = said.map(|(name, theirs, ours)| (name.to_owned(), theirs, ours)).collect();
    Conflict { id: theirs.id.to_string(), rows }
}
