//! The form that creates and edits a hook. After an error or a test it is shown again with the
//! entered values. The entered key stays in the encrypted draft and is never part of the page.

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
        permission::right,
        tuning,
    },
    portal::{
        auth::token::new_api_key,
        ops::{self, error::Tombstone, warnings},
        request::{Request, redirect, request},
    },
    view::{
        Error,
        hooks::{DeletedMeanwhile, HookEditor, KeyState, PostedHook, Trial},
        session::FlashKind,
        words::{
            hooks::{self as words, NewSecret},
            problems,
        },
    },
};

pub async fn for_new(event: String, clone: &str, draft: String) -> Result<HookEditor, Error> {
    let request = request()?;
    request.respond(request.ctx.require(right::HooksWrite).map_err(Into::into))?;
    if let Some(found) = find(&request, &draft).await?.filter(|found| found.id.is_empty()) {
        return Ok(found.editor(&request, draft));
    }
    let mut form = HookForm { event_type: event, ..HookForm::default() };
    if !clone.is_empty() {
        let id = request.respond(parse_id(clone))?;
        let hook = request.respond(ops::hooks::find_to_change(&request.ctx, id).await)?;
        form.name = format!("Copy of {}", hook.name).chars().take(MAX_NAME).collect();
        form.event_type = hook.event_type.key().to_owned();
        form.callback_url = hook.callback_url;
        form.tuning = tuning::typed(&hook.tuning);
    }
    let plan = plan(&request, &form);
    Ok(HookEditor { form, plan, ..HookEditor::default() })
}

pub async fn for_hook(id: &str, draft: String) -> Result<HookEditor, Error> {
    let request = request()?;
    let hook = async { ops::hooks::find_to_change(&request.ctx, parse_id(id)?).await };
    let hook = request.respond(or_tombstone(&request.ctx, id, hook.await).await)?;
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
        // The form now has the saved version's number: saving again overwrites it on purpose.
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
        tuning: tuning::typed(&hook.tuning),
    }
}

pub async fn create(posted: PostedHook) -> Result<(), Error> {
    let request = request()?;
    let had_draft = !posted.draft.is_empty();
    let posted = PostedHook { id: String::new(), version: String::new(), ..posted };
    let draft = Draft::resume(&request, posted).await?;
    let tested = draft.signing_secret.clone();
    match ops::hooks::create_once(&request.ctx, &draft.form, tested.clone()).await {
        Ok((hook, false)) => {
            flash(&request, FlashKind::Done, words::created_before(&hook.name)).await;
            redirect(&format!("/integration/hooks/{}", hook.id));
            Ok(())
        }
        Ok((hook, true)) => {
            let secret = match (tested, !had_draft || draft.is_resumed) {
                (Some(_), _) => NewSecret::Tested,
                (None, true) => NewSecret::Untested,
                (None, false) => NewSecret::Lost,
            };
            announce(&request, words::created(&hook.name, secret), &hook).await;
            redirect(&format!("/integration/hooks/{}", hook.id));
            Ok(())
        }
        Err(error) => show_again(&request, error, draft).await,
    }
}

pub async fn update(posted: PostedHook) -> Result<(), Error> {
    let request = request()?;
    let hook = request.respond(parse_id(&posted.id))?;
    let draft = Draft::resume(&request, posted).await?;
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
            announce(&request, words::saved(&hook.name), &hook).await;
            redirect(&format!("/integration/hooks/{}", hook.id));
            Ok(())
        }
        Err(error) => show_again(&request, error, draft).await,
    }
}

pub async fn generate_key(mut posted: PostedHook) -> Result<(), Error> {
    let request = request()?;
    request.respond(request.ctx.require(right::HooksWrite).map_err(Into::into))?;
    posted.form.api_key = new_api_key();
    let draft = Draft::resume(&request, posted).await?;
    keep(&request, Draft { is_generated: true, ..draft }, "#api_key").await
}

pub async fn try_out(posted: PostedHook) -> Result<(), Error> {
    let request = request()?;
    let is_new = posted.id.is_empty();
    let hook = if is_new { None } else { Some(request.respond(parse_id(&posted.id))?) };
    let draft = Draft::resume(&request, posted).await?;
    let tried =
        ops::test_send::try_out(&request.ctx, hook, &draft.form, draft.signing_secret.clone())
            .await;
    let tried = match tried {
        Err(ops::Error::Busy { reason, seconds }) => {
            Err(Invalid::one("test", "busy", problems::busy(reason, seconds)).into())
        }
        tried => tried,
    };
    match tried {
        Ok(tried) => {
            let warnings =
                request.respond(warnings::about(&request.ctx, &tried.hook, false).await)?;
            let trial = Trial {
                attempt: tried.attempt,
                event: tried.hook.event_type,
                api_key_hint: tried.hook.api_key_hint,
                fresh_secret: tried.fresh_secret,
            };
            // An existing hook keeps its own secret; a new one gets the secret of its test.
            let signing_secret = trial.fresh_secret.clone().filter(|_| is_new);
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

/// Leaves the notice that the hook was saved, with a warning if deliveries may fail.
async fn announce(request: &Request, done: String, hook: &Hook) {
    // The hook is saved: an error while looking for warnings must not be reported as a failure.
    let warnings = warnings::about(&request.ctx, hook, true).await.unwrap_or_default();
    match warnings::in_words(&warnings) {
        None => flash(request, FlashKind::Done, done).await,
        Some(warning) => {
            flash(request, FlashKind::Warning, words::with_warning(&done, &warning)).await
        }
    }
}

/// Shows a form again that was posted while its user was signed out. Nothing is saved.
pub async fn resume(request: &Request, posted: PostedHook) -> Result<(), Error> {
    request.respond(request.ctx.require(right::HooksWrite).map_err(Into::into))?;
    let draft = Draft::resume_earlier(request, posted).await?;
    if let Ok(id) = parse_id(&draft.id)
        && let Err(error) = ops::hooks::find_to_change(&request.ctx, id).await
    {
        return show_again(request, error, draft).await;
    }
    keep(request, draft, "").await
}

async fn show_again(request: &Request, error: ops::Error, draft: Draft) -> Result<(), Error> {
    let error = or_tombstone(&request.ctx, &draft.id, Err::<(), _>(error)).await;
    let draft = match error.err().unwrap_or(ops::Error::NotFound("hook")) {
        // The values are kept for a new hook.
        ops::Error::Deleted(tombstone) => {
            let Tombstone { name, at, by, .. } = *tombstone;
            let deleted = Some(DeletedMeanwhile { name, at, by });
            Draft { id: String::new(), version: 0, deleted, ..draft }
        }
        ops::Error::Invalid(errors) => Draft { errors, ..draft },
        ops::Error::Stale { .. } => Draft { is_stale: true, ..draft },
        error => return request.respond(Err(error)),
    };
    // Warnings are shown together with the errors, so that both can be fixed at once. Failing to
    // find them must not hide the errors.
    let warnings = warnings::about_typed(&request.ctx, parse_id(&draft.id).ok(), &draft.form)
        .await
        .unwrap_or_default();
    keep(request, Draft { warnings, ..draft }, "").await
}
