//! Hook tests. A saved hook is tested through its own lane, and the delivery is kept. Form input is
//! tested with a single attempt that leaves only an audit entry.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Error,
    hooks::validate_url,
    once::{self, Action, Identified, Outcome},
};
use crate::{
    domain::{
        busy::Busy,
        contract::BodyCheck,
        delivery::{Attempt, Delivery},
        event::EventType,
        hook::{ApiKey, Hook, HookForm, Tuning, parse_event_type},
        id::{DeliveryId, HookId, time_of},
        invalid::Invalid,
        permission::{Grant, Right, right},
        tuning,
    },
    engine::{
        catalogue::{self, masked::masked},
        delivery::signing,
        dispatcher::{Emit, EmitError, Validation},
        hooks::{api_key_required, changes_origin},
        store::{
            self, audit, deliveries, events,
            hooks::{self, Secrets},
        },
    },
    portal::{auth::rate_limit::RateLimit, ctx::OpCtx},
};

pub use super::deliveries::outcome_of_test as outcome;

/// Tests that a page lists.
pub const SHOWN: u32 = 10;

/// Sends the sample (or the given payload) to a hook, enabled or not, and returns the delivery once
/// it was attempted.
pub async fn send(
    ctx: &OpCtx,
    id: HookId,
    body: Option<Bytes>,
    validation: Validation,
) -> Result<DeliveryId, Error> {
    let grant = ctx.require(right::HooksTest)?;
    let hook = hooks::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("hook"))?;
    let sample = super::events::sample(hook.event_type);
    let emit = Emit { body: body.unwrap_or(sample.body), ..sample };
    let _permit = permit(ctx, &ctx.portal.tests, &id.to_string())?;
    let (target, detail) =
        (id.to_string(), format!("{} to {}", hook.event_type.key(), hook.callback_url));
    note(ctx, grant.clone(), "hook.tested", target, detail).await?;
    match ctx.portal.dispatcher.send_test(id, emit, validation, grant.by(), ctx.once.clone()).await
    {
        Err(EmitError::Store(store::Error::Missing)) => Err(Error::NotFound("hook")),
        sent => Ok(sent?),
    }
}

impl Identified for DeliveryId {
    fn id(&self) -> impl std::fmt::Display {
        *self
    }
}

/// A form with the same nonce that comes within this time is a button pressed twice. Later, someone
/// has gone back to send another test.
const REPEAT_WINDOW: Duration = Duration::from_secs(60);

/// The same from a form whose button may be pressed twice: with the form's nonce, one test is sent.
/// Returns whether this request sent it.
pub async fn send_once(
    ctx: &OpCtx,
    nonce: Option<String>,
    id: HookId,
    body: Option<Bytes>,
    validation: Validation,
) -> Result<(DeliveryId, bool), Error> {
    ctx.require(right::HooksTest)?;
    let Some(nonce) = nonce else {
        return Ok((send(ctx, id, body, validation).await?, true));
    };
    let action = Action::new(ctx, "hooks/test", nonce.as_bytes());
    loop {
        let body = body.clone();
        let sent =
            once::act(
                ctx,
                &action,
                move |ctx| async move { send(&ctx, id, body, validation).await },
            );
        let before = match sent.await? {
            Outcome::Now(delivery) => return Ok((delivery, true)),
            Outcome::Before(delivery) => delivery,
        };
        let delivery: DeliveryId = before.parse().map_err(|_| Error::NotFound("delivery"))?;
        if time_of(delivery.0).after(REPEAT_WINDOW) > ctx.portal.clock().now() {
            return Ok((delivery, false));
        }
        once::forget(ctx, &action, &before).await?;
    }
}

/// A permit for a test, limited per actor and `target`.
fn permit(ctx: &OpCtx, limit: &RateLimit, target: &str) -> Result<OwnedSemaphorePermit, Error> {
    let actor = ctx.actor.as_ref().map(|actor| actor.identity.as_str()).unwrap_or_default();
    let permit = limit.take(&format!("{actor} {target}"), ctx.portal.clock().now());
    // `Retry-After` has whole seconds: round up, so at least one.
    permit.map_err(|wait| Error::Busy { reason: Busy::Tests, seconds: wait.as_secs() + 1 })
}

/// Checks a payload before it is sent.
pub fn check(ctx: &OpCtx, event: EventType, text: &str) -> Result<BodyCheck, Error> {
    ctx.require(right::HooksTest)?;
    Ok(catalogue::check(event, text))
}

/// A hook that is about to be tested. Requires only `hooks:test`.
pub async fn find(ctx: &OpCtx, id: HookId) -> Result<Hook, Error> {
    let grant = ctx.require(right::HooksTest)?;
    hooks::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("hook"))
}

/// The latest tests of a hook, newest first.
pub async fn history(ctx: &OpCtx, hook: HookId) -> Result<Vec<Delivery>, Error> {
    let grant = ctx.require(right::HooksTest)?;
    Ok(deliveries::tests(&mut ctx.portal.store().read().await?, &grant, hook, SHOWN).await?)
}

/// The payload of the hook's latest real event, if it is still stored, with personal data masked: a
/// test may go to a receiver that must not get customers' data. Requires `payloads:read`.
pub async fn last_body(ctx: &OpCtx, hook: HookId) -> Result<Option<String>, Error> {
    let grant = ctx.require(right::PayloadsRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let Some(last) = deliveries::newest_non_test(&mut conn, &grant, hook).await? else {
        return Ok(None);
    };
    let event = events::find(&mut conn, &grant, last.event_id).await?;
    Ok(event.and_then(|event| masked(event.event_type, &event.body)))
}

/// The result of a test of form input.
pub struct Trial {
    /// The hook that was tested.
    pub hook: Hook,
    pub attempt: Attempt,
    /// The signing secret, if it is not the stored one.
    pub fresh_secret: Option<String>,
}

/// Sends the sample as the hook in a form would. `id` is the hook that is edited; `tested` is the
/// signing secret of an earlier test of the same form.
pub async fn try_out(
    ctx: &OpCtx,
    id: Option<HookId>,
    form: &HookForm,
    tested: Option<String>,
) -> Result<Trial, Error> {
    let grant = ctx.require(right::HooksWrite)?;
    ctx.require(right::HooksTest)?;
    let stored = match id {
        None => None,
        Some(id) => {
            let vault = &ctx.portal.store().vault;
            let found =
                hooks::find_with_secrets(&mut ctx.portal.store().read().await?, &grant, vault, id)
                    .await?;
            Some(found.ok_or(Error::NotFound("hook"))?)
        }
    };
    let Draft { hook, secrets, fresh_secret } = validate(ctx, form, stored, tested).await?;
    let _permit = permit(ctx, &ctx.portal.unsaved_tests, "")?;
    // Written before the attempt, so that the request is on record even if the client disconnects.
    let target = id.map_or_else(|| "a hook not saved yet".to_owned(), |id| id.to_string());
    let detail = format!("{} to {}", hook.event_type.key(), hook.callback_url);
    note(ctx, grant, "hook.tried", target, detail).await?;
    let emit = super::events::sample(hook.event_type);
    let attempt = ctx.portal.dispatcher.try_out(hook.clone(), &secrets, emit).await;
    let attempt =
        attempt.ok_or(store::Error::Inconsistent { table: "hooks", column: "api_key" })?;
    Ok(Trial { hook, attempt, fresh_secret })
}

/// A form's hook, ready to be tested.
struct Draft {
    hook: Hook,
    secrets: Secrets,
    fresh_secret: Option<String>,
}

/// Validates what a test needs, by the same rules as saving. A stored API key is sent only to the
/// host that it was entered for.
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
        invalid.take(tuning.validate(&catalogue::ordering_fields(event_type)));
    }
    let keeps_target = |(hook, _): &&(Hook, Secrets)| {
        endpoint.as_ref().is_some_and(|new| !changes_origin(&hook.callback_url, new))
    };
    let usable = stored.as_ref().filter(keeps_target);
    let api_key = match (form.api_key.is_empty(), usable, &stored, &endpoint) {
        (true, Some((_, secrets)), ..) => Some(secrets.api_key.clone()),
        (true, None, Some(_), Some(_)) => invalid.take(Err(api_key_required())),
        // Without a valid URL it is unknown whether the stored key may be used.
        (true, None, Some(_), None) => None,
        _ => invalid.take(ApiKey::parse(&form.api_key)),
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
        api_key_hint: api_key.hint(),
        tuning: Tuning { timeout: tuning.timeout, ..Tuning::default() },
        created_at: now,
        updated_at: now,
        version: 0,
    };
    Ok(Draft { hook, secrets: Secrets { api_key, signing_secret }, fresh_secret })
}

async fn note(
    ctx: &OpCtx,
    grant: Grant<impl Right>,
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
