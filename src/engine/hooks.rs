//! Commands on hooks: create, update, switch, delete, reveal the secrets. Each command owns its
//! transaction, its audit log entry and the notice to the hook's lane, so that no caller can forget
//! one. May import domain, the dispatcher and engine::store.

use super::{
    catalogue,
    clock::Clock,
    delivery::signing,
    dispatcher::Dispatcher,
    error::Error,
    store::{
        self, Conn, audit,
        hooks::{self, Change, Secrets},
        once::{self, Once},
        secrets::Vault,
        steps,
    },
};
use crate::domain::{
    endpoint::{self, Endpoint},
    event::EventType,
    hook::{ApiKey, Hook, Tuning, TuningPatch},
    id::HookId,
    invalid::Invalid,
    permission::{Grant, right},
};

/// A hook to create. Its name must come from [`parse_name`](crate::domain::hook::parse_name), its
/// endpoint from [`Dispatcher::validate_url`].
pub struct NewHook {
    pub name: String,
    pub event_type: EventType,
    pub endpoint: Endpoint,
    pub api_key: ApiKey,
    pub enabled: bool,
    pub tuning: Tuning,
    /// The signing secret. `None` generates one.
    pub signing_secret: Option<String>,
}

/// A new hook with its signing secret. The secret can also be revealed later.
pub struct Created {
    pub hook: Hook,
    pub signing_secret: String,
}

/// Changes to a hook. Fields with `None` stay.
#[derive(Default)]
pub struct HookChange {
    pub name: Option<String>,
    pub event_type: Option<EventType>,
    pub endpoint: Option<Endpoint>,
    pub api_key: Option<ApiKey>,
    pub enabled: Option<bool>,
    pub tuning: TuningPatch,
    /// Optimistic locking: the version that the change is based on. `None` overwrites any version.
    pub version: Option<i64>,
}

/// Creates a hook. `once` is the idempotency key of the request, recorded in the same transaction.
pub async fn create(
    engine: &Dispatcher,
    by: Grant<right::HooksWrite>,
    new: NewHook,
    once: Option<Once>,
) -> Result<Created, Error> {
    let NewHook { name, event_type, endpoint, api_key, enabled, tuning, signing_secret } = new;
    tuning.validate(&catalogue::ordering_fields(event_type))?;
    let clock = engine.clock().clone();
    let now = clock.now();
    let hook = Hook {
        id: HookId(clock.id()),
        name,
        event_type,
        callback_url: endpoint.url.to_string(),
        enabled,
        off_reason: None,
        api_key_hint: api_key.hint(),
        tuning,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let signing_secret = signing_secret.unwrap_or_else(signing::new_secret);
    let secrets = Secrets { api_key, signing_secret: signing_secret.clone() };
    let (row, vault) = (hook.clone(), engine.store().vault.clone());
    let written: Result<(), store::Error> = engine
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                hooks::insert(conn, &by, &vault, &row, &secrets).await?;
                audit::note(conn, &clock, &by, "hook.created", &row.id.to_string(), &row.name)
                    .await?;
                once::note(conn, once.as_ref(), || format!("/api/v1/hooks/{}", row.id)).await
            })
        })
        .await;
    written?;
    Ok(Created { hook, signing_secret })
}

/// Changes a hook. Fails with [`Error::Stale`] if it is not at the expected version.
pub async fn update(
    engine: &Dispatcher,
    by: Grant<right::HooksWrite>,
    id: HookId,
    change: HookChange,
) -> Result<Hook, Error> {
    let (clock, vault) = (engine.clock().clone(), engine.store().vault.clone());
    engine
        .store()
        .write_alone(move |conn| {
            Box::pin(async move { apply(conn, &clock, &by, &vault, id, change).await })
        })
        .await
}

/// Switches a hook on or off.
pub async fn set_enabled(
    engine: &Dispatcher,
    by: Grant<right::HooksWrite>,
    id: HookId,
    enabled: bool,
) -> Result<Hook, Error> {
    let change = HookChange { enabled: Some(enabled), ..HookChange::default() };
    update(engine, by, id, change).await
}

/// Deletes a hook. Nothing more is sent; its deliveries stay on record. Fails with
/// [`Error::Stale`] if it is not at the expected version; `None` deletes any version.
pub async fn delete(
    engine: &Dispatcher,
    by: Grant<right::HooksWrite>,
    id: HookId,
    version: Option<i64>,
) -> Result<Hook, Error> {
    let clock = engine.clock().clone();
    engine
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                let now = clock.now();
                let hook = hooks::find(conn, &by, id).await?.ok_or(Error::NotFound("hook"))?;
                if version.is_some_and(|version| version != hook.version) {
                    return Err(Error::Stale { now: hook.version });
                }
                hooks::delete(conn, &by, id, now).await?;
                steps::step(conn, id, now).await?;
                audit::note(conn, &clock, &by, "hook.deleted", &id.to_string(), &hook.name).await?;
                Ok(hook)
            })
        })
        .await
}

/// Returns a hook's secrets, and records that in the audit log.
pub async fn reveal(
    engine: &Dispatcher,
    by: Grant<right::SecretsReveal>,
    id: HookId,
) -> Result<Secrets, Error> {
    let (clock, vault) = (engine.clock().clone(), engine.store().vault.clone());
    let revealed: Result<Secrets, store::Error> = engine
        .store()
        .write(move |conn| {
            Box::pin(async move {
                let secrets = hooks::reveal(conn, &by, &vault, id).await?;
                audit::note(conn, &clock, &by, "hook.revealed", &id.to_string(), "").await?;
                Ok(secrets)
            })
        })
        .await;
    match revealed {
        Err(store::Error::Missing) => Err(Error::NotFound("hook")),
        outcome => Ok(outcome?),
    }
}

/// The error when a URL is changed to another origin without entering the API key again.
pub fn api_key_required() -> Invalid {
    Invalid::one(
        "api_key",
        "required",
        "Enter the API key again: the URL points to another host, and a key is sent only to the \
         host it was entered for.",
    )
}

/// Whether the new URL has another scheme, host or port. The stored key must then not be sent
/// there, because a user who may change the URL is not necessarily allowed to see the key.
pub fn changes_origin(old: &str, new: &Endpoint) -> bool {
    match endpoint::parse(old, true, |_| true) {
        Ok(old) => old.origin() != new.origin(),
        Err(_) => true,
    }
}

/// Applies a change inside of the transaction. A change that changes nothing is not recorded and
/// does not increase the version.
async fn apply(
    conn: &mut Conn,
    clock: &Clock,
    grant: &Grant<right::HooksWrite>,
    vault: &Vault,
    id: HookId,
    change: HookChange,
) -> Result<Hook, Error> {
    let now = clock.now();
    let old = hooks::find(conn, grant, id).await?.ok_or(Error::NotFound("hook"))?;
    if change.version.is_some_and(|version| version != old.version) {
        return Err(Error::Stale { now: old.version });
    }
    if change.api_key.is_none()
        && change.endpoint.as_ref().is_some_and(|new| changes_origin(&old.callback_url, new))
    {
        return Err(api_key_required().into());
    }
    let enabled = change.enabled.unwrap_or(old.enabled);
    let callback_url = change
        .endpoint
        .map_or_else(|| old.callback_url.clone(), |endpoint| endpoint.url.to_string());
    let event_type = change.event_type.unwrap_or(old.event_type);
    let tuning = change.tuning.apply(&old.tuning);
    tuning.validate(&catalogue::ordering_fields(event_type))?;
    let row = Change {
        name: change.name.as_deref().unwrap_or(&old.name),
        event_type,
        callback_url: &callback_url,
        enabled,
        tuning: &tuning,
        api_key: change.api_key.as_ref(),
        // The reason of an automatic switch-off is kept until someone switches the hook or enters
        // another URL, because it is about the old one.
        off_reason: old
            .off_reason
            .as_deref()
            .filter(|_| !enabled && change.enabled.is_none() && callback_url == old.callback_url),
        resets_health: callback_url != old.callback_url
            || change.api_key.is_some()
            || enabled != old.enabled
            || tuning.timeout != old.tuning.timeout,
    };
    if row.is_unchanged(&old) {
        return Ok(old);
    }
    hooks::update(conn, grant, vault, id, old.version, &row, now).await?;
    steps::step(conn, id, now).await?;
    let new = hooks::find(conn, grant, id).await?.ok_or(Error::NotFound("hook"))?;
    audit::note(conn, clock, grant, "hook.changed", &id.to_string(), &difference(&old, &new))
        .await?;
    Ok(new)
}

/// The changed fields for the audit log. Secrets are never included.
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
