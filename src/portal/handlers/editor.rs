//! The form for making and changing a hook. When something is wrong, or when its values were only
//! tested, the same form comes back with what was typed; the typed key waits in the sealed draft
//! and never goes into the page.

mod draft;

use axum::http::StatusCode;
use draft::{Draft, conflict, find, keep, plan};

use super::{
    flash,
    found::{or_tombstone, parse_id},
};
use crate::{
    domain::{
        hook::{Hook, HookForm, HookPatch, MAX_NAME, TuningPatch},
        invalid::Invalid,
        permission::Permission,
    },
    portal::{
        auth::token::new_api_key,
        ops::{self, hooks::Created, warnings},
        request::{Request, go, request},
    },
    view::{
        Error,
        hooks::{HookEditor, KeyState, Trial},
        session::FlashKind,
    },
};

pub async fn for_new(event: String, clone: &str, draft: String) -> Result<HookEditor, Error> {
    let request = request()?;
    request.tell(request.ctx.require(Permission::HooksWrite).map_err(Into::into))?;
    if let Some(found) = find(&request, &draft).await?.filter(|found| found.id.is_empty()) {
        return Ok(found.editor(&request, draft));
    }
    let mut form = HookForm { event_type: event, ..HookForm::default() };
    if !clone.is_empty() {
        let id = request.tell(parse_id(clone))?;
        let hook = request.tell(ops::hooks::find_to_change(&request.ctx, id).await)?;
        form.name = format!("Copy of {}", hook.name).chars().take(MAX_NAME).collect();
        form.event_type = hook.event_type.key().to_owned();
        form.callback_url = hook.callback_url;
        form.tuning = ops::tuning::typed(&hook.tuning);
    }
    let plan = plan(&request, &form);
    Ok(HookEditor { form, plan, ..HookEditor::default() })
}

pub async fn for_hook(id: &str, draft: String) -> Result<HookEditor, Error> {
    let request = request()?;
    let hook = async { ops::hooks::find_to_change(&request.ctx, parse_id(id)?).await };
    let hook = request.tell(or_tombstone(&request.ctx, id, hook.await).await)?;
    let found = find(&request, &draft).await?.filter(|found| found.id == id);
    let stored = KeyState::Stored(hook.api_key_hint.clone());
    let Some(found) = found else {
        let (version, form) = (hook.version, form_of(hook));
        let plan = plan(&request, &form);
        return Ok(HookEditor {
            id: Some(id.to_owned()),
            version,
            form,
            key: stored,
            plan,
            ..HookEditor::default()
        });
    };
    let beside = found.is_stale.then(|| conflict(&hook, &found));
    let mut editor = HookEditor { id: Some(id.to_owned()), ..found.editor(&request, draft) };
    if editor.key == KeyState::Missing && editor.errors.message("api_key").is_none() {
        editor.key = stored;
    }
    if beside.is_some() {
        // Saving again is now a decision made in sight of what the other one saved.
        editor.version = hook.version;
        editor.conflict = beside;
        request.answer_with(StatusCode::CONFLICT);
    }
    Ok(editor)
}

fn form_of(hook: Hook) -> HookForm {
    HookForm {
        name: hook.name,
        event_type: hook.event_type.key().to_owned(),
        callback_url: hook.callback_url,
        api_key: String::new(),
        enabled: hook.enabled,
        tuning: ops::tuning::typed(&hook.tuning),
    }
}

pub async fn create(form: HookForm, draft: String) -> Result<(), Error> {
    let request = request()?;
    let form = Draft::resume(&request, form, "", 0, &draft).await?;
    let tested = form.signing_secret.clone();
    match ops::hooks::create(&request.ctx, &form.form, tested.clone()).await {
        Ok(Created { hook, .. }) => {
            let signed = match (tested, draft.is_empty() || form.is_resumed) {
                (Some(_), _) => "Its deliveries are signed with the secret of your test.",
                (None, true) => "Its deliveries are signed; send a test to see one.",
                (None, false) => {
                    "The form had been open for so long that it has a new signing secret now."
                }
            };
            announce(&request, format!("{} was created. {signed}", hook.name), &hook).await;
            go(&format!("/integration/hooks/{}", hook.id));
            Ok(())
        }
        Err(error) => show_again(&request, error, form).await,
    }
}

pub async fn update(
    id: String,
    version: String,
    form: HookForm,
    draft: String,
) -> Result<(), Error> {
    let request = request()?;
    let hook = request.tell(parse_id(&id))?;
    let draft = Draft::resume(&request, form, &id, version.parse().unwrap_or(0), &draft).await?;
    let form = &draft.form;
    let patch = HookPatch {
        name: Some(form.name.clone()),
        event_type: Some(form.event_type.clone()),
        callback_url: Some(form.callback_url.clone()),
        api_key: Some(form.api_key.clone()).filter(|key| !key.is_empty()),
        enabled: Some(form.enabled),
        tuning: TuningPatch::default(),
        typed_tuning: Some(form.tuning.clone()),
        version: Some(draft.version),
    };
    match ops::hooks::update(&request.ctx, hook, patch).await {
        Ok(hook) => {
            announce(&request, format!("{} was saved.", hook.name), &hook).await;
            go(&format!("/integration/hooks/{}", hook.id));
            Ok(())
        }
        Err(error) => show_again(&request, error, draft).await,
    }
}

pub async fn generate_key(
    id: String,
    version: String,
    form: HookForm,
    draft: String,
) -> Result<(), Error> {
    let request = request()?;
    request.tell(request.ctx.require(Permission::HooksWrite).map_err(Into::into))?;
    let form = HookForm { api_key: new_api_key(), ..form };
    let draft = Draft::resume(&request, form, &id, version.parse().unwrap_or(0), &draft).await?;
    keep(&request, Draft { is_generated: true, ..draft }, "#api_key").await
}

pub async fn try_out(
    id: String,
    version: String,
    form: HookForm,
    draft: String,
) -> Result<(), Error> {
    let request = request()?;
    let hook = if id.is_empty() { None } else { Some(request.tell(parse_id(&id))?) };
    let draft = Draft::resume(&request, form, &id, version.parse().unwrap_or(0), &draft).await?;
    let tried =
        ops::test_send::try_out(&request.ctx, hook, &draft.form, draft.signing_secret.clone())
            .await;
    let tried = match tried {
        Err(ops::Error::Busy { seconds }) => {
            let words = format!("Too many tests at once. Wait {seconds} seconds, then test again.");
            Err(Invalid::one("test", "busy", words).into())
        }
        tried => tried,
    };
    match tried {
        Ok(tried) => {
            let warnings = request.tell(warnings::about(&request.ctx, &tried.hook, false).await)?;
            let trial = Trial {
                attempt: tried.attempt,
                event: tried.hook.event_type,
                api_key_hint: tried.hook.api_key_hint,
                fresh_secret: tried.fresh_secret,
            };
            // A hook that is there keeps its own secret; a new one gets the one it was tested with.
            let signing_secret = trial.fresh_secret.clone().filter(|_| id.is_empty());
            keep(
                &request,
                Draft { signing_secret, warnings, trial: Some(trial), ..draft },
                "#trial",
            )
            .await
        }
        Err(error) => show_again(&request, error, draft).await,
    }
}

/// Says that it is saved, and what may go wrong all the same.
async fn announce(request: &Request, done: String, hook: &Hook) {
    // It is saved: that it could not be looked at more closely is no reason to say anything else.
    let warnings = warnings::about(&request.ctx, hook, true).await.unwrap_or_default();
    match warnings::in_words(&warnings) {
        None => flash(request, FlashKind::Done, done).await,
        Some(words) => flash(request, FlashKind::Warning, format!("{done} But: {words}")).await,
    }
}

async fn show_again(request: &Request, error: ops::Error, draft: Draft) -> Result<(), Error> {
    let draft = match error {
        ops::Error::Invalid(errors) => Draft { errors, ..draft },
        ops::Error::Stale { .. } => Draft { is_stale: true, ..draft },
        error => return request.tell(Err(error)),
    };
    // What may not work is said with what does not, so that both are mended at once. It must not
    // stand in the way.
    let warnings = warnings::about_typed(&request.ctx, parse_id(&draft.id).ok(), &draft.form)
        .await
        .unwrap_or_default();
    keep(request, Draft { warnings, ..draft }, "").await
}
