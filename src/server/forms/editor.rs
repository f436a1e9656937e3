//! The form for making and changing a hook. When something is wrong the same form comes back with what was typed; the
//! typed key waits in the sealed draft and never goes into the page.

use serde::{Deserialize, Serialize};

use super::{flash, hooks::parse_id};
use crate::{
    domain::{
        hook::{HookForm, HookPatch, TuningPatch, api_key_hint},
        invalid::Invalid,
    },
    rpc::{
        Error,
        hooks::{HookEditor, KeyState},
        session::FlashKind,
    },
    server::{
        auth::token::new_api_key,
        ops::{self, drafts, hooks::Created},
        seam::{Request, go, request},
    },
};

/// What was typed, with its key, and what was wrong with it.
#[derive(Serialize, Deserialize)]
struct Draft {
    form: HookForm,
    errors: Invalid,
    /// Empty for a new hook.
    id: String,
    version: i64,
    is_stale: bool,
    /// The key was made by us and is shown once.
    is_generated: bool,
}

impl Draft {
    fn key_state(&self) -> KeyState {
        let key = &self.form.api_key;
        match (key.is_empty() || self.errors.message("api_key").is_some(), self.is_generated) {
            (true, _) => KeyState::Missing,
            (false, true) => KeyState::Generated(key.clone()),
            (false, false) => KeyState::Kept(api_key_hint(key)),
        }
    }

    /// The form as it may stand in a page.
    fn editor(self, id: String) -> HookEditor {
        let key = self.key_state();
        let form = HookForm { api_key: String::new(), ..self.form };
        HookEditor { version: self.version, form, key, errors: self.errors, draft: Some(id), ..HookEditor::default() }
    }
}

pub async fn for_new(event: String, clone: &str, draft: String) -> Result<HookEditor, Error> {
    let request = request()?;
    request.tell(request.ctx.require(crate::domain::permission::Permission::HooksWrite).map_err(Into::into))?;
    if let Some(found) = find(&request, &draft).await? {
        return Ok(found.editor(draft));
    }
    let mut form = HookForm { event_type: event, ..HookForm::default() };
    if !clone.is_empty() {
        let id = request.tell(parse_id(clone))?;
        let hook = request.tell(ops::hooks::find_to_change(&request.ctx, id).await)?;
        form.name = format!("Copy of {}", hook.name).chars().take(crate::domain::hook::MAX_NAME).collect();
        form.event_type = hook.event_type.key().to_owned();
        form.callback_url = hook.callback_url;
        form.tuning = ops::tuning::typed(&hook.tuning);
    }
    Ok(HookEditor { form, ..HookEditor::default() })
}

pub async fn for_hook(id: &str, draft: String) -> Result<HookEditor, Error> {
    let request = request()?;
    let hook = request.tell(ops::hooks::find_to_change(&request.ctx, request.tell(parse_id(id))?).await)?;
    let found = find(&request, &draft).await?.filter(|found| found.id == id);
    let stored = KeyState::Stored(hook.api_key_hint.clone());
    let Some(found) = found else {
        let form = HookForm {
            name: hook.name,
            event_type: hook.event_type.key().to_owned(),
            callback_url: hook.callback_url,
            api_key: String::new(),
            enabled: hook.enabled,
            tuning: ops::tuning::typed(&hook.tuning),
        };
        let id = Some(id.to_owned());
        return Ok(HookEditor { id, version: hook.version, form, key: stored, ..HookEditor::default() });
    };
    let is_stale = found.is_stale;
    let mut editor = HookEditor { id: Some(id.to_owned()), ..found.editor(draft) };
    if editor.key == KeyState::Missing && editor.errors.message("api_key").is_none() {
        editor.key = stored;
    }
    if is_stale {
        // Saving again is now a decision made in sight of what the other one saved.
        editor.version = hook.version;
        editor.conflict = Some(hook);
    }
    Ok(editor)
}

pub async fn create(form: HookForm, draft: String) -> Result<(), Error> {
    let request = request()?;
    let form = with_kept_key(&request, form, &draft, "").await?;
    match ops::hooks::create(&request.ctx, &form).await {
        Ok(Created { hook, warning, .. }) => {
            let done = format!("{} was created. Its deliveries are signed; send a test to see one.", hook.name);
            announce(&request, done, warning).await;
            go(&format!("/integration/hooks/{}", hook.id));
            Ok(())
        }
        Err(error) => show_again(&request, error, Draft::of(form, String::new(), 0)).await,
    }
}

pub async fn update(id: String, version: String, form: HookForm, draft: String) -> Result<(), Error> {
    let request = request()?;
    let hook = request.tell(parse_id(&id))?;
    let version = version.parse().unwrap_or(0);
    let form = with_kept_key(&request, form, &draft, &id).await?;
    let patch = HookPatch {
        name: Some(form.name.clone()),
        event_type: Some(form.event_type.clone()),
        callback_url: Some(form.callback_url.clone()),
        api_key: Some(form.api_key.clone()).filter(|key| !key.is_empty()),
        enabled: Some(form.enabled),
        tuning: TuningPatch::default(),
        typed_tuning: Some(form.tuning.clone()),
        version: Some(version),
    };
    match ops::hooks::update(&request.ctx, hook, patch).await {
        Ok((hook, warning)) => {
            announce(&request, format!("{} was saved.", hook.name), warning).await;
            go(&format!("/integration/hooks/{}", hook.id));
            Ok(())
        }
        Err(error) => show_again(&request, error, Draft::of(form, id, version)).await,
    }
}

pub async fn generate_key(id: String, version: String, form: HookForm) -> Result<(), Error> {
    let request = request()?;
    request.tell(request.ctx.require(crate::domain::permission::Permission::HooksWrite).map_err(Into::into))?;
    let form = HookForm { api_key: new_api_key(), ..form };
    let draft = Draft { is_generated: true, ..Draft::of(form, id, version.parse().unwrap_or(0)) };
    keep(&request, draft, "#api_key").await
}

impl Draft {
    fn of(form: HookForm, id: String, version: i64) -> Self {
        Self { form, errors: Invalid::default(), id, version, is_stale: false, is_generated: false }
    }
}

async fn announce(request: &Request, done: String, warning: Option<String>) {
    match warning {
        None => flash(request, FlashKind::Done, done).await,
        Some(warning) => flash(request, FlashKind::Warning, format!("{done} But: {warning}")).await,
    }
}

async fn find(request: &Request, draft: &str) -> Result<Option<Draft>, Error> {
    request.tell(drafts::find(&request.ctx, &request.session, draft).await)
}

/// An empty key field means the key that was typed before, if there was one.
async fn with_kept_key(request: &Request, mut form: HookForm, draft: &str, id: &str) -> Result<HookForm, Error> {
    if form.api_key.is_empty()
        && let Some(kept) = find(request, draft).await?
        && kept.id == id
        && kept.key_state() != KeyState::Missing
    {
        form.api_key = kept.form.api_key;
    }
    Ok(form)
}

async fn show_again(request: &Request, error: ops::Error, draft: Draft) -> Result<(), Error> {
    match error {
        ops::Error::Invalid(errors) => keep(request, Draft { errors, ..draft }, "").await,
        ops::Error::Stale { .. } => keep(request, Draft { is_stale: true, ..draft }, "").await,
        error => request.tell(Err(error)),
    }
}

async fn keep(request: &Request, draft: Draft, anchor: &str) -> Result<(), Error> {
    let kept = request.tell(drafts::keep(&request.ctx, &request.session, &draft).await)?;
    match draft.id.as_str() {
        "" => go(&format!("/integration/hooks/new?draft={kept}{anchor}")),
        id => go(&format!("/integration/hooks/{id}/settings?draft={kept}{anchor}")),
    }
    Ok(())
}
