//! The page that sends a test with an edited payload. The payload is kept in a draft, so that the
//! form still has it beside the result.

use serde::{Deserialize, Serialize};

use super::{
    flash,
    found::{or_tombstone, parse_id},
};
use crate::{
    domain::{
        contract::BodyCheck,
        hook::Hook,
        id::{DeliveryId, HookId},
        json::pretty,
        permission::Permission,
    },
    engine::{catalogue, dispatcher::Validation},
    portal::{
        ops::{self, drafts, test_send},
        request::{Request, redirect, request},
    },
    view::{
        Error,
        deliveries::DeliveryPage,
        session::FlashKind,
        test_send::{Origin, TestPage},
        words::test_send as words,
    },
};

/// The entered payload and the result of checking it.
#[derive(Serialize, Deserialize)]
struct Draft {
    hook: HookId,
    body: String,
    checked: Option<BodyCheck>,
    was_stopped: bool,
    /// The delivery of the test, once it was sent.
    test: Option<DeliveryId>,
}

pub async fn read(id: &str, sample: &str, draft: &str, test: &str) -> Result<TestPage, Error> {
    let request = request()?;
    let ctx = &request.ctx;
    let hook = async { test_send::find(ctx, parse_id(id)?).await };
    let hook = request.respond(or_tombstone(ctx, id, hook.await).await)?;
    let draft: Option<Draft> = request.respond(drafts::find(ctx, &request.session, draft).await)?;
    let draft = draft.filter(|draft| draft.hook == hook.id);
    let test: Option<DeliveryId> = test.parse().ok();
    let is_own = test.is_some() && draft.as_ref().is_some_and(|draft| draft.test == test);
    let sees_answer = is_own || ctx.may(Permission::PayloadsRead);
    let result = match test {
        Some(test) => result(&request, &hook, test, draft.as_ref(), sees_answer).await?,
        None => None,
    };
    let waiting = match &result {
        Some(page) => request.respond(super::try_now::offer(ctx, &hook, &page.delivery).await)?,
        None => None,
    };
    let history = request.respond(test_send::history(ctx, hook.id).await)?;
    let may_use_last = ctx.may(Permission::PayloadsRead);
    let last = match (&draft, sample) {
        (None, "last") if may_use_last => {
            request.respond(test_send::last_body(ctx, hook.id).await)?
        }
        _ => None,
    };
    let has_no_last = draft.is_none() && sample == "last" && last.is_none();
    let (body, origin, checked, was_stopped) = match (draft, last) {
        (Some(draft), _) => {
            let is_sample = draft.body == catalogue::sample(hook.event_type);
            let origin = if is_sample { Origin::Sample } else { Origin::Typed };
            (draft.body, origin, draft.checked, draft.was_stopped)
        }
        (None, Some(body)) => (pretty(&body).unwrap_or(body), Origin::LastEvent, None, false),
        (None, None) => {
            (catalogue::sample(hook.event_type).to_owned(), Origin::Sample, None, false)
        }
    };
    let now = ctx.portal.clock().now();
    Ok(TestPage {
        hook,
        body,
        origin,
        may_use_last,
        has_no_last,
        checked,
        was_stopped,
        result,
        waiting,
        sees_answer,
        history,
        now,
    })
}

/// The result of a test of this hook. The payload is shown to the user who sent the test, and to
/// users who may see payloads.
async fn result(
    request: &Request,
    hook: &Hook,
    test: DeliveryId,
    draft: Option<&Draft>,
    sees_answer: bool,
) -> Result<Option<DeliveryPage>, Error> {
    let found = match test_send::outcome(&request.ctx, test).await {
        Err(ops::Error::NotFound(_)) => return Ok(None),
        found => request.respond(found)?,
    };
    let (delivery, mut attempts) = found;
    if !sees_answer {
        // A test may contain a real event, and a response may repeat it.
        attempts.iter_mut().for_each(|attempt| attempt.response_body.clear());
    }
    if delivery.hook_id != hook.id {
        return Ok(None);
    }
    let own = draft.filter(|draft| draft.test == Some(test)).map(|draft| draft.body.clone());
    let body = match own {
        None if request.ctx.may(Permission::PayloadsRead)
            && request.ctx.may(Permission::DeliveriesRead) =>
        {
            let story =
                request.respond(ops::events::story(&request.ctx, delivery.event_id).await)?;
            story.body.map(|body| String::from_utf8_lossy(&body).into_owned())
        }
        own => own,
    };
    let now = request.ctx.portal.clock().now();
    let hook_name = hook.name.clone();
    Ok(Some(DeliveryPage { delivery, attempts, body, hook_name, act: None, now }))
}

pub async fn check(id: String, body: String) -> Result<(), Error> {
    let request = request()?;
    let (hook, body) = (find(&request, &id).await?, as_typed(&body));
    let checked = Some(request.respond(test_send::check(&request.ctx, hook.event_type, &body))?);
    keep(&request, Draft { hook: hook.id, body, checked, was_stopped: false, test: None }).await
}

pub async fn send(id: String, body: String, anyway: bool, token: &str) -> Result<(), Error> {
    let request = request()?;
    let (hook, body) = (find(&request, &id).await?, as_typed(&body));
    let checked = request.respond(test_send::check(&request.ctx, hook.event_type, &body))?;
    let judging = match (&checked, anyway) {
        (BodyCheck::Valid, _) => Validation::Schema,
        (BodyCheck::SchemaMismatch(_), true) => Validation::Json,
        _ => {
            let draft = Draft {
                hook: hook.id,
                body,
                checked: Some(checked),
                was_stopped: true,
                test: None,
            };
            return keep(&request, draft).await;
        }
    };
    let nonce = request.form_nonce(token);
    let payload = Some(body.clone().into());
    let sent = test_send::send_once(&request.ctx, nonce, hook.id, payload, judging).await;
    let (test, is_first) = request.respond(sent)?;
    if !is_first {
        flash(&request, FlashKind::Done, words::SENT_BEFORE).await;
    }
    // After sending, only a payload that does not match the schema is worth a message.
    let checked = Some(checked).filter(|checked| *checked != BodyCheck::Valid);
    keep(&request, Draft { hook: hook.id, body, checked, was_stopped: false, test: Some(test) })
        .await
}

/// Shows a payload again that was posted while its user was signed out. Nothing is sent.
pub async fn resume(request: &Request, id: &str, body: &str) -> Result<(), Error> {
    let (hook, body) = (find(request, id).await?, as_typed(body));
    keep(request, Draft { hook: hook.id, body, checked: None, was_stopped: false, test: None })
        .await
}

async fn find(request: &Request, id: &str) -> Result<Hook, Error> {
    request.respond(test_send::find(&request.ctx, request.respond(parse_id(id))?).await)
}

async fn keep(request: &Request, draft: Draft) -> Result<(), Error> {
    let id = request.respond(drafts::keep(&request.ctx, &request.session, &draft).await)?;
    let page = format!("/integration/hooks/{}/test?draft={id}", draft.hook);
    match draft.test {
        Some(test) => redirect(&format!("{page}&test={test}#result")),
        None => redirect(&format!("{page}#check")),
    }
    Ok(())
}

/// Browsers send the line breaks of a text area as CR LF. The sample and the sent payload use LF.
fn as_typed(body: &str) -> String {
    body.replace("\r\n", "\n")
}
