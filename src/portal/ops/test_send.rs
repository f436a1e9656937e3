//! Sending tests: to a hook as it is saved, through its own lane and on record; and to one as it
//! stands in a form, which is an attempt like any other but leaves nothing behind but a line in the
//! audit log.

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::{Error, hooks::validate_url, tuning};
use crate::{
    domain::{
        contract::BodyCheck,
        delivery::{Attempt, Delivery},
        event::EventType,
        hook::{Hook, HookForm, Tuning, api_key_hint, parse_api_key, parse_event_type},
        id::{DeliveryId, HookId},
        invalid::Invalid,
        permission::{Grant, Permission},
    },
    engine::{
        catalogue::{self, masked::masked},
        delivery::signing,
        dispatcher::{Emit, EmitError, Validation},
        hooks::{key_again, leads_elsewhere},
        store::{
            self, audit, deliveries, events,
            hooks::{self, Secrets},
        },
    },
    portal::{auth::pace::Pace, ctx::OpCtx},
};

pub use super::deliveries::outcome_of_test as outcome;

/// Tests that a page shows.
pub const SHOWN: u32 = 10;

/// Sends the sample (or the given body) to a hook, switched on or not, and returns its delivery
/// once it was tried.
pub async fn send(
    ctx: &OpCtx,
    id: HookId,
    body: Option<Bytes>,
    judging: Validation,
) -> Result<DeliveryId, Error> {
    let grant = ctx.require(Permission::HooksTest)?;
    let hook = hooks::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("hook"))?;
    let sample = super::events::sample(hook.event_type);
    let emit = Emit { body: body.unwrap_or(sample.body), ..sample };
    let _place = place(ctx, &ctx.portal.tests, &id.to_string())?;
    let (target, detail) =
        (id.to_string(), format!("{} to {}", hook.event_type.key(), hook.callback_url));
    note(ctx, grant.clone(), "hook.tested", target, detail).await?;
    match ctx.portal.dispatcher.send_test(id, emit, judging, grant.by(), ctx.once.clone()).await {
        Err(EmitError::Store(store::Error::Missing)) => Err(Error::NotFound("hook")),
        sent => Ok(sent?),
    }
}

/// A place among the tests that are under way, of `what` where each has a pace of its own.
fn place(ctx: &OpCtx, pace: &Pace, what: &str) -> Result<OwnedSemaphorePermit, Error> {
    let who = ctx.actor.as_ref().map(|actor| actor.identity.as_str()).unwrap_or_default();
    let place = pace.take(&format!("{who} {what}"), ctx.portal.clock().now());
    // A full second at least: nobody can wait for less.
    place.map_err(|wait| Error::Busy { seconds: wait.as_secs() + 1 })
}

/// What is to be said about a body before it is sent.
pub fn check(ctx: &OpCtx, event: EventType, text: &str) -> Result<BodyCheck, Error> {
    ctx.require(Permission::HooksTest)?;
    Ok(catalogue::check(event, text))
}

/// A hook, for whoever is about to test it.
pub async fn find(ctx: &OpCtx, id: HookId) -> Result<Hook, Error> {
    let grant = ctx.require(Permission::HooksTest)?;
    hooks::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("hook"))
}

/// The last tests of a hook, newest first.
pub async fn history(ctx: &OpCtx, hook: HookId) -> Result<Vec<Delivery>, Error> {
    let grant = ctx.require(Permission::HooksTest)?;
    Ok(deliveries::tests(&mut ctx.portal.store().read().await?, &grant, hook, SHOWN).await?)
}

/// The body of the last real event that came to a hook, if it is still there, with everything about
/// people masked: a test goes to where no customer's data is expected. For those who may see
/// payloads.
pub async fn last_body(ctx: &OpCtx, hook: HookId) -> Result<Option<String>, Error> {
    let grant = ctx.require(Permission::PayloadsRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let Some(last) = deliveries::newest_real(&mut conn, &grant, hook).await? else {
        return Ok(None);
    };
    let event = events::find(&mut conn, &grant, last.event_id).await?;
    Ok(event.and_then(|event| masked(event.event_type, &event.body)))
}

/// What came of a test of a hook that is not saved.
pub struct Trial {
    /// The hook as it was tried.
    pub hook: Hook,
    pub attempt: Attempt,
    /// The secret it was signed with, if it is not the stored one.
    pub fresh_secret: Option<String>,
}

/// Sends the sample to where a form's hook would send, with what it would send. `id` is the hook
/// that is changed; `tested` is the secret of an earlier test of the same form.
pub async fn try_out(
    ctx: &OpCtx,
    id: Option<HookId>,
    form: &HookForm,
    tested: Option<String>,
) -> Result<Trial, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    ctx.require(Permission::HooksTest)?;
    let stored = match id {
        None => None,
        Some(id) => {
            let vault = &ctx.portal.store().vault;
            let found =
                hooks::with_secrets(&mut ctx.portal.store().read().await?, &grant, vault, id)
                    .await?;
            Some(found.ok_or(Error::NotFound("hook"))?)
        }
    };
    let Draft { hook, secrets, fresh_secret } = validate(ctx, form, stored, tested).await?;
    let _place = place(ctx, &ctx.portal.trials, "")?;
    // Before and not after: what was sent is on record whether or not somebody waits for the
    // answer.
    let target = id.map_or_else(|| "a hook not saved yet".to_owned(), |id| id.to_string());
    let detail = format!("{} to {}", hook.event_type.key(), hook.callback_url);
    note(ctx, grant, "hook.tried", target, detail).await?;
    let emit = super::events::sample(hook.event_type);
    let attempt = ctx.portal.dispatcher.try_out(hook.clone(), &secrets, emit).await;
    let attempt =
        attempt.ok_or(store::Error::Inconsistent { table: "hooks", column: "api_key" })?;
    Ok(Trial { hook, attempt, fresh_secret })
}

/// A form's hook, ready to be tried.
struct Draft {
    hook: Hook,
    secrets: Secrets,
    fresh_secret: Option<String>,
}

/// Judges what a test needs, by the rules of saving. A stored key goes only where it was entered
/// for.
async fn validate(
    ctx: &OpCtx,
    form: &HookForm,
    stored: Option<(Hook, Secrets)>,
    tested: Option<String>,
) -> Result<Draft, Error> {
    let mut invalid = Invalid::default();
    let event_type = invalid.take(parse_event_type(&form.event_type));
    let endpoint = invalid.take(validate_url(&ctx.portal, &form.callback_url).await);
    let tuning = invalid.take(tuning::parse(&form.tuning));
    if let (Some(tuning), Some(event_type)) = (&tuning, event_type) {
        invalid.take(tuning.validate(&catalogue::members(event_type)));
    }
    let stays = |(hook, _): &&(Hook, Secrets)| {
        endpoint.as_ref().is_some_and(|new| !leads_elsewhere(&hook.callback_url, new))
    };
    let usable = stored.as_ref().filter(stays);
    let api_key = match (form.api_key.is_empty(), usable, &stored, &endpoint) {
        (true, Some((_, secrets)), ..) => Some(secrets.api_key.clone()),
        (true, None, Some(_), Some(_)) => invalid.take(Err(key_again())),
        // Whether the stored key may be used is not known before the URL is right.
        (true, None, Some(_), None) => None,
        _ => invalid.take(parse_api_key(&form.api_key)),
    };
    let (Some(event_type), Some(endpoint), Some(tuning), Some(api_key), true) =
        (event_type, endpoint, tuning, api_key, invalid.is_empty())
    else {
        return Err(invalid.into());
    };
    let (signing_secret, fresh_secret) = match usable {
        Some((_, secrets)) => (secrets.signing_secret.clone(), None),
        None => {
            let fresh = tested.unwrap_or_else(signing::new_secret);
            (fresh.clone(), Some(fresh))
        }
    };
    let now = ctx.portal.clock().now();
    let hook = Hook {
        id: stored.as_ref().map_or_else(|| HookId(ctx.portal.clock().id()), |(hook, _)| hook.id),
        name: form.name.clone(),
        event_type,
        callback_url: endpoint.url.to_string(),
        enabled: form.enabled,
        off_reason: None,
        api_key_hint: api_key_hint(&api_key),
        tuning: Tuning { timeout: tuning.timeout, ..Tuning::default() },
        created_at: now,
        updated_at: now,
        version: 0,
    };
    Ok(Draft { hook, secrets: Secrets { api_key, signing_secret }, fresh_secret })
}

async fn note(
    ctx: &OpCtx,
    grant: Grant,
    action: &'static str,
    target: String,
    detail: String,
) -> Result<(), Error> {
    let clock = ctx.portal.clock().clone();
    let noted: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(
                async move { audit::note(conn, &clock, &grant, action, &target, &detail).await },
            )
        })
        .await;
    Ok(noted?)
}
