//! Hooks: list, create, change, switch on and off, delete, reveal secrets.

mod validate;

use std::{collections::HashMap, time::Duration};

use validate::validate_patch;
pub(super) use validate::validate_url;

use super::{
    Error,
    error::Tombstone,
    once::{self, Action, Identified, Outcome},
};
use crate::{
    domain::{
        health::Health,
        hook::{ApiKey, Hook, HookForm, HookPatch, Tuning, parse_event_type, parse_name},
        id::HookId,
        invalid::Invalid,
        page::Page,
        permission::right,
        tuning,
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

/// Newest audit entries that are searched for a hook's deletion. After it only reads are possible,
/// so it is among the newest.
const LAST_LINES: i64 = 10;

/// All hooks.
pub async fn all(ctx: &OpCtx) -> Result<Vec<Hook>, Error> {
    let grant = ctx.require(right::HooksRead)?;
    Ok(hooks::all(&mut ctx.portal.store().read().await?, &grant).await?)
}

/// A page of hooks, oldest first.
pub async fn page(ctx: &OpCtx, cursor: Option<HookId>, limit: u32) -> Result<Page<Hook>, Error> {
    let grant = ctx.require(right::HooksRead)?;
    let rows = hooks::page(&mut ctx.portal.store().read().await?, &grant, cursor, limit).await?;
    Ok(Page::cut(rows, limit, |hook| hook.id.to_string()))
}

pub async fn find(ctx: &OpCtx, id: HookId) -> Result<Hook, Error> {
    let grant = ctx.require(right::HooksRead)?;
    hooks::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("hook"))
}

/// The error for a hook that was not found: [`Error::Deleted`] if it was deleted.
pub async fn explain_missing(ctx: &OpCtx, id: HookId) -> Result<Error, Error> {
    let Ok(grant) = ctx.require(right::HooksRead) else { return Ok(Error::NotFound("hook")) };
    let mut conn = ctx.portal.store().read().await?;
    let Some((name, at)) = hooks::find_deleted(&mut conn, &grant, id).await? else {
        return Ok(Error::NotFound("hook"));
    };
    let lines = audit::for_hook(&mut conn, &grant, id, LAST_LINES).await?;
    let deleted = lines.into_iter().find(|line| line.action == "hook.deleted");
    let by = deleted.map(|line| display_name(&line.actor));
    Ok(Error::Deleted(Box::new(Tombstone { id, name, at, by })))
}

/// The actor of an audit entry, for display.
fn display_name(actor: &str) -> String {
    match actor.split_once(':') {
        Some(("user", email)) => email.to_owned(),
        Some(("token", name)) => format!("the token {name}"),
        _ => actor.to_owned(),
    }
}

/// Health of the hooks that are not healthy. A hook that is missing in the map is healthy.
pub async fn health(ctx: &OpCtx) -> Result<HashMap<HookId, Health>, Error> {
    let grant = ctx.require(right::HooksRead)?;
    Ok(store::health::all(&mut ctx.portal.store().read().await?, &grant).await?)
}

/// A hook that is about to be changed. Requires `hooks:write` as well.
pub async fn find_to_change(ctx: &OpCtx, id: HookId) -> Result<Hook, Error> {
    ctx.require(right::HooksWrite)?;
    find(ctx, id).await
}

/// The version of a hook that is about to be changed. Requires only `hooks:write`.
pub async fn version(ctx: &OpCtx, id: HookId) -> Result<i64, Error> {
    let grant = ctx.require(right::HooksWrite)?;
    let hook = hooks::find(&mut ctx.portal.store().read().await?, &grant, id).await?;
    Ok(hook.ok_or(Error::NotFound("hook"))?.version)
}

/// Number of deliveries that deleting this hook would cancel.
pub async fn open_deliveries(ctx: &OpCtx, id: HookId) -> Result<i64, Error> {
    let grant = ctx.require(right::HooksWrite)?;
    Ok(deliveries::count_open(&mut ctx.portal.store().read().await?, &grant, id).await?)
}

/// Creates a hook from form input. `tested` is the signing secret of a successful test of the form.
pub async fn create(
    ctx: &OpCtx,
    form: &HookForm,
    tested: Option<String>,
) -> Result<Created, Error> {
    insert(ctx, form, tuning::parse(&form.tuning), tested).await
}

/// A form with the same values that comes within this time is the same form again.
const REPEAT_WINDOW: Duration = Duration::from_secs(600);

impl Identified for Created {
    fn id(&self) -> impl std::fmt::Display {
        self.hook.id
    }
}

/// Creates a hook from a form whose button may be pressed twice, or that is sent once more after
/// going back. Returns the hook, and whether this request created it: the same values again lead to
/// the hook that they created minutes ago, while it exists.
pub async fn create_once(
    ctx: &OpCtx,
    form: &HookForm,
    tested: Option<String>,
) -> Result<(Hook, bool), Error> {
    ctx.require(right::HooksWrite)?;
    // A plain struct of strings: serialising it cannot fail. Only a hash of it is stored.
    let action = Action::new(ctx, "hooks/create", &serde_json::to_vec(form).unwrap_or_default());
    loop {
        let (form, tested) = (form.clone(), tested.clone());
        let made = once::act(ctx, &action, |ctx| async move { create(&ctx, &form, tested).await });
        let id = match made.await? {
            Outcome::Now(Created { hook, .. }) => return Ok((hook, true)),
            Outcome::Before(id) => id,
        };
        let hook = match id.parse() {
            Ok(hook) => find(ctx, hook).await,
            Err(_) => Err(Error::NotFound("hook")),
        };
        match hook {
            Ok(hook) if hook.created_at.after(REPEAT_WINDOW) > ctx.portal.clock().now() => {
                return Ok((hook, false));
            }
            // Deleted, or so old that the same values are meant to be another hook.
            Ok(_) | Err(Error::NotFound(_)) => once::forget(ctx, &action, &id).await?,
            Err(error) => return Err(error),
        }
    }
}

/// Creates a hook with delivery settings that were already parsed.
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
    let grant = ctx.require(right::HooksWrite)?;
    let mut invalid = Invalid::default();
    let name = invalid.take(parse_name(&form.name));
    let event_type = invalid.take(parse_event_type(&form.event_type));
    let endpoint = invalid.take(validate_url(&ctx.portal, &form.callback_url).await);
    let api_key = invalid.take(ApiKey::parse(&form.api_key));
    let tuning = invalid.take(tuning);
    if let (Some(tuning), Some(event_type)) = (&tuning, event_type) {
        invalid.take(tuning.validate(&catalogue::ordering_fields(event_type)));
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

/// Applies a patch. If it has a version, the hook must still be at that version.
pub async fn update(ctx: &OpCtx, id: HookId, patch: HookPatch) -> Result<Hook, Error> {
    let grant = ctx.require(right::HooksWrite)?;
    let change = validate_patch(&ctx.portal, patch).await?;
    Ok(engine::hooks::update(&ctx.portal.dispatcher, grant, id, change).await?)
}

/// Health of a hook after a change. Requires only `hooks:write`.
pub async fn health_after(ctx: &OpCtx, id: HookId) -> Result<Health, Error> {
    let grant = ctx.require(right::HooksWrite)?;
    let mut all = store::health::all(&mut ctx.portal.store().read().await?, &grant).await?;
    Ok(all.remove(&id).unwrap_or_default())
}

/// Switches a hook on or off.
pub async fn set_enabled(ctx: &OpCtx, id: HookId, enabled: bool) -> Result<Hook, Error> {
    let grant = ctx.require(right::HooksWrite)?;
    Ok(engine::hooks::set_enabled(&ctx.portal.dispatcher, grant, id, enabled).await?)
}

/// Switches several hooks. Hooks that no longer exist are skipped; the others are returned.
pub async fn set_enabled_many(
    ctx: &OpCtx,
    ids: &[HookId],
    enabled: bool,
) -> Result<Vec<Hook>, Error> {
    ctx.require(right::HooksWrite)?;
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

/// Deletes a hook: its open deliveries are cancelled, its delivered ones stay on record.
pub async fn delete(ctx: &OpCtx, id: HookId) -> Result<Hook, Error> {
    delete_at(ctx, id, None).await
}

/// Deletes a hook that is still at this version. `None`: at any.
pub async fn delete_at(ctx: &OpCtx, id: HookId, version: Option<i64>) -> Result<Hook, Error> {
    let grant = ctx.require(right::HooksWrite)?;
    Ok(engine::hooks::delete(&ctx.portal.dispatcher, grant, id, version).await?)
}

/// A hook's secrets. Requires `secrets:reveal` and is recorded in the audit log.
pub async fn reveal(ctx: &OpCtx, id: HookId) -> Result<Secrets, Error> {
    let grant = ctx.require(right::SecretsReveal)?;
    Ok(engine::hooks::reveal(&ctx.portal.dispatcher, grant, id).await?)
}
