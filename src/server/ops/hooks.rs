//! Hooks: listing, making, changing, switching, deleting, testing.

mod validate;

use std::collections::HashMap;

use validate::{Judged, judge_patch};
pub(super) use validate::{judge_url, key_again, leads_elsewhere};

use super::{Error, error::Farewell, tuning};
use crate::{
    domain::{
        health::Health,
        hook::{
            Hook, HookForm, HookPatch, Tuning, api_key_hint, parse_api_key, parse_event_type,
            parse_name,
        },
        id::HookId,
        invalid::Invalid,
        page::Page,
        permission::{Grant, Permission},
    },
    engine::{
        Dispatcher, catalogue,
        clock::Clock,
        delivery::signing,
        store::{
            self, Conn, audit, deliveries,
            hooks::{self, Change, Secrets},
            once,
            secrets::Vault,
        },
    },
    server::ctx::OpCtx,
};

/// Lines of the log in which a hook's last change is looked for. Nothing can be done with it
/// afterwards but look.
const LAST_LINES: i64 = 10;

/// A hook that was just made. Its signing secret is shown with it and can be revealed later.
pub struct Created {
    pub hook: Hook,
    pub signing_secret: String,
}

/// Every hook.
pub async fn all(ctx: &OpCtx) -> Result<Vec<Hook>, Error> {
    let grant = ctx.require(Permission::HooksRead)?;
    Ok(hooks::all(&mut ctx.portal.store().read().await?, &grant).await?)
}

/// A page of hooks, oldest first.
pub async fn page(ctx: &OpCtx, cursor: Option<HookId>, limit: u32) -> Result<Page<Hook>, Error> {
    let grant = ctx.require(Permission::HooksRead)?;
    let rows = hooks::page(&mut ctx.portal.store().read().await?, &grant, cursor, limit).await?;
    Ok(Page::cut(rows, limit, |hook| hook.id.to_string()))
}

pub async fn find(ctx: &OpCtx, id: HookId) -> Result<Hook, Error> {
    let grant = ctx.require(Permission::HooksRead)?;
    hooks::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("hook"))
}

/// Of a hook that is not found: what is still known of it, if it was deleted.
pub async fn explain_missing(ctx: &OpCtx, id: HookId) -> Result<Error, Error> {
    let Ok(grant) = ctx.require(Permission::HooksRead) else { return Ok(Error::NotFound("hook")) };
    let mut conn = ctx.portal.store().read().await?;
    let Some((name, at)) = hooks::find_deleted(&mut conn, &grant, id).await? else {
        return Ok(Error::NotFound("hook"));
    };
    let lines = audit::about(&mut conn, &grant, &id.to_string(), LAST_LINES).await?;
    let by =
        lines.into_iter().find(|line| line.action == "hook.deleted").map(|line| named(&line.actor));
    Ok(Error::Deleted(Box::new(Farewell { id, name, at, by })))
}

/// Who an actor of the log is, for people.
fn named(actor: &str) -> String {
    match actor.split_once(':') {
        Some(("user", email)) => email.to_owned(),
        Some(("token", name)) => format!("the token {name}"),
        _ => actor.to_owned(),
    }
}

/// How the hooks that are not well stand; a hook that is not among them is well.
pub async fn health(ctx: &OpCtx) -> Result<HashMap<HookId, Health>, Error> {
    let grant = ctx.require(Permission::HooksRead)?;
    Ok(store::health::all(&mut ctx.portal.store().read().await?, &grant).await?)
}

/// One hook, for whoever is about to change it.
pub async fn find_to_change(ctx: &OpCtx, id: HookId) -> Result<Hook, Error> {
    ctx.require(Permission::HooksWrite)?;
    find(ctx, id).await
}

/// How many deliveries deleting this hook would cancel.
pub async fn open_deliveries(ctx: &OpCtx, id: HookId) -> Result<i64, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    Ok(deliveries::count_open(&mut ctx.portal.store().read().await?, &grant, id).await?)
}

/// Makes a hook from what was typed. It signs with the secret that it was tested with, if it was.
pub async fn create(
    ctx: &OpCtx,
    form: &HookForm,
    tested: Option<String>,
) -> Result<Created, Error> {
    insert(ctx, form, tuning::parse(&form.tuning), tested).await
}

/// Makes a hook from what was typed, with delivery settings that were read elsewhere.
pub async fn create_tuned(
    ctx: &OpCtx,
    form: &HookForm,
    tuning: Result<Tuning, Invalid>,
) -> Result<Created, Error> {
    insert(ctx, form, tuning, None).await
}

async fn insert(
    ctx: &OpCtx,
    form: &HookForm,
    tuning: Result<Tuning, Invalid>,
    secret: Option<String>,
) -> Result<Created, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    let mut invalid = Invalid::default();
    let name = invalid.take(parse_name(&form.name));
    let event_type = invalid.take(parse_event_type(&form.event_type));
    let endpoint = invalid.take(judge_url(&ctx.portal, &form.callback_url).await);
    let api_key = invalid.take(parse_api_key(&form.api_key));
    let tuning = invalid.take(tuning);
    if let (Some(tuning), Some(event_type)) = (&tuning, event_type) {
        invalid.take(tuning.judge(&catalogue::members(event_type)));
    }
    let (Some(name), Some(event_type), Some(endpoint), Some(api_key), Some(tuning), true) =
        (name, event_type, endpoint, api_key, tuning, invalid.is_empty())
    else {
        return Err(invalid.into());
    };
    let clock = ctx.portal.clock().clone();
    let now = clock.now();
    let hook = Hook {
        id: HookId(clock.id()),
        name,
        event_type,
        callback_url: endpoint.url.to_string(),
        enabled: form.enabled,
        off_reason: None,
        api_key_hint: api_key_hint(&api_key),
        tuning,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let secrets = Secrets { api_key, signing_secret: secret.unwrap_or_else(signing::new_secret) };
    let signing_secret = secrets.signing_secret.clone();
    let (row, vault, made) = (hook.clone(), ctx.portal.store().vault.clone(), ctx.once.clone());
    let written: Result<(), store::Error> = ctx
        .portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                hooks::insert(conn, &grant, &vault, &row, &secrets).await?;
                audit::note(conn, &clock, &grant, "hook.created", &row.id.to_string(), &row.name)
                    .await?;
                once::note(conn, made.as_ref(), || format!("/api/v1/hooks/{}", row.id)).await
            })
        })
        .await;
    written?;
    Ok(Created { hook, signing_secret })
}

/// Changes what the patch names. With a version, only if the hook is still at it.
pub async fn update(ctx: &OpCtx, id: HookId, patch: HookPatch) -> Result<Hook, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    let judged = judge_patch(&ctx.portal, patch).await?;
    let (clock, vault) = (ctx.portal.clock().clone(), ctx.portal.store().vault.clone());
    ctx.portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move { change(conn, &clock, &grant, &vault, id, judged).await })
        })
        .await
}

/// How a hook stands, for whoever changed it.
pub async fn health_after(ctx: &OpCtx, id: HookId) -> Result<Health, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    let mut all = store::health::all(&mut ctx.portal.store().read().await?, &grant).await?;
    Ok(all.remove(&id).unwrap_or_default())
}

/// Slides a hook on or off.
pub async fn set_enabled(ctx: &OpCtx, id: HookId, enabled: bool) -> Result<Hook, Error> {
    let patch = HookPatch { enabled: Some(enabled), ..HookPatch::default() };
    update(ctx, id, patch).await
}

/// Slides several hooks. Those that are gone meanwhile are left out; the others are returned.
pub async fn set_enabled_many(
    ctx: &OpCtx,
    ids: &[HookId],
    enabled: bool,
) -> Result<Vec<Hook>, Error> {
    ctx.require(Permission::HooksWrite)?;
    let mut switched = Vec::new();
    for id in ids {
        match set_enabled(ctx, *id, enabled).await {
            Ok(hook) => switched.push(hook),
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(switched)
}

async fn change(
    conn: &mut Conn,
    clock: &Clock,
    grant: &Grant,
    vault: &Vault,
    id: HookId,
    judged: Judged,
) -> Result<Hook, Error> {
    let now = clock.now();
    let old = hooks::find(conn, grant, id).await?.ok_or(Error::NotFound("hook"))?;
    if judged.version.is_some_and(|version| version != old.version) {
        return Err(Error::Stale { now: old.version });
    }
    if judged.api_key.is_none()
        && judged.endpoint.as_ref().is_some_and(|new| leads_elsewhere(&old.callback_url, new))
    {
        return Err(key_again().into());
    }
    let enabled = judged.enabled.unwrap_or(old.enabled);
    let callback_url = judged
        .endpoint
        .map_or_else(|| old.callback_url.clone(), |endpoint| endpoint.url.to_string());
    let event_type = judged.event_type.unwrap_or(old.event_type);
    let tuning = judged.tuning.apply(&old.tuning);
    tuning.judge(&catalogue::members(event_type))?;
    let change = Change {
        name: judged.name.as_deref().unwrap_or(&old.name),
        event_type,
        callback_url: &callback_url,
        enabled,
        tuning: &tuning,
        api_key: judged.api_key.as_deref(),
        // A reason stays only while nobody has decided anything since.
        off_reason: old.off_reason.as_deref().filter(|_| !enabled && judged.enabled.is_none()),
        mends: callback_url != old.callback_url
            || judged.api_key.is_some()
            || enabled != old.enabled
            || tuning.timeout != old.tuning.timeout,
    };
    if change.is_nothing(&old) {
        return Ok(old);
    }
    hooks::update(conn, grant, vault, id, old.version, &change, now).await?;
    Dispatcher::follow(conn, id, now).await?;
    let new = hooks::find(conn, grant, id).await?.ok_or(Error::NotFound("hook"))?;
    audit::note(conn, clock, grant, "hook.changed", &id.to_string(), &difference(&old, &new))
        .await?;
    Ok(new)
}

/// What changed, for the audit log; never a key.
fn difference(old: &Hook, new: &Hook) -> String {
    let mut parts = Vec::new();
    let mut note = |name: &str, old: &str, new: &str| {
        if old != new {
            parts.push(format!("{name}: {old} -> {new}"));
        }
    };
    note("name", &old.name, &new.name);
    note("event_type", old.event_type.key(), new.event_type.key());
    note("callback_url", &old.callback_url, &new.callback_url);
    note("enabled", &old.enabled.to_string(), &new.enabled.to_string());
    note("api_key", &old.api_key_hint, &new.api_key_hint);
    note("tuning", &format!("{:?}", old.tuning), &format!("{:?}", new.tuning));
    parts.join("; ")
}

/// Deletes a hook: nothing more is sent, what was delivered stays on record.
pub async fn delete(ctx: &OpCtx, id: HookId) -> Result<Hook, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    let clock = ctx.portal.clock().clone();
    ctx.portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                let now = clock.now();
                let hook = hooks::find(conn, &grant, id).await?.ok_or(Error::NotFound("hook"))?;
                hooks::delete(conn, &grant, id, now).await?;
                Dispatcher::follow(conn, id, now).await?;
                audit::note(conn, &clock, &grant, "hook.deleted", &id.to_string(), &hook.name)
                    .await?;
                Ok(hook)
            })
        })
        .await
}

/// A hook's secrets, for those who may see them. Seeing them is noted.
pub async fn reveal(ctx: &OpCtx, id: HookId) -> Result<Secrets, Error> {
    let grant = ctx.require(Permission::SecretsReveal)?;
    let (clock, vault) = (ctx.portal.clock().clone(), ctx.portal.store().vault.clone());
    let revealed: Result<Secrets, store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                let secrets = hooks::reveal(conn, &grant, &vault, id).await?;
                audit::note(conn, &clock, &grant, "hook.revealed", &id.to_string(), "").await?;
                Ok(secrets)
            })
        })
        .await;
    match revealed {
        Err(store::Error::Missing) => Err(Error::NotFound("hook")),
        outcome => Ok(outcome?),
    }
}
