//! Hooks: listing, making, changing, switching, deleting, testing.

mod validate;

use std::collections::HashMap;

use validate::validate_patch;
pub(super) use validate::validate_url;

use super::{Error, error::Tombstone, tuning};
use crate::{
    domain::{
        health::Health,
        hook::{Hook, HookForm, HookPatch, Tuning, parse_api_key, parse_event_type, parse_name},
        id::HookId,
        invalid::Invalid,
        page::Page,
        permission::Permission,
    },
    engine::{
        self, catalogue,
        hooks::NewHook,
        store::{
            self, audit, deliveries,
            hooks::{self, Secrets},
        },
    },
    portal::ctx::OpCtx,
};

pub use crate::engine::hooks::Created;

/// Lines of the log in which a hook's last change is looked for. Nothing can be done with it
/// afterwards but look.
const LAST_LINES: i64 = 10;

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
    Ok(Error::Deleted(Box::new(Tombstone { id, name, at, by })))
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
    signing_secret: Option<String>,
) -> Result<Created, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    let mut invalid = Invalid::default();
    let name = invalid.take(parse_name(&form.name));
    let event_type = invalid.take(parse_event_type(&form.event_type));
    let endpoint = invalid.take(validate_url(&ctx.portal, &form.callback_url).await);
    let api_key = invalid.take(parse_api_key(&form.api_key));
    let tuning = invalid.take(tuning);
    if let (Some(tuning), Some(event_type)) = (&tuning, event_type) {
        invalid.take(tuning.validate(&catalogue::members(event_type)));
    }
    let (Some(name), Some(event_type), Some(endpoint), Some(api_key), Some(tuning), true) =
        (name, event_type, endpoint, api_key, tuning, invalid.is_empty())
    else {
        return Err(invalid.into());
    };
    let enabled = form.enabled;
    let new = NewHook { name, event_type, endpoint, api_key, enabled, tuning, signing_secret };
    Ok(engine::hooks::create(&ctx.portal.dispatcher, grant, new, ctx.once.clone()).await?)
}

/// Changes what the patch names. With a version, only if the hook is still at it.
pub async fn update(ctx: &OpCtx, id: HookId, patch: HookPatch) -> Result<Hook, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    let change = validate_patch(&ctx.portal, patch).await?;
    Ok(engine::hooks::update(&ctx.portal.dispatcher, grant, id, change).await?)
}

/// How a hook stands, for whoever changed it.
pub async fn health_after(ctx: &OpCtx, id: HookId) -> Result<Health, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    let mut all = store::health::all(&mut ctx.portal.store().read().await?, &grant).await?;
    Ok(all.remove(&id).unwrap_or_default())
}

/// Slides a hook on or off.
pub async fn set_enabled(ctx: &OpCtx, id: HookId, enabled: bool) -> Result<Hook, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    Ok(engine::hooks::set_enabled(&ctx.portal.dispatcher, grant, id, enabled).await?)
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

/// Deletes a hook: nothing more is sent, what was delivered stays on record.
pub async fn delete(ctx: &OpCtx, id: HookId) -> Result<Hook, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    Ok(engine::hooks::delete(&ctx.portal.dispatcher, grant, id).await?)
}

/// A hook's secrets, for those who may see them. Seeing them is noted.
pub async fn reveal(ctx: &OpCtx, id: HookId) -> Result<Secrets, Error> {
    let grant = ctx.require(Permission::SecretsReveal)?;
    Ok(engine::hooks::reveal(&ctx.portal.dispatcher, grant, id).await?)
}
