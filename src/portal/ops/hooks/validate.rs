//! Validates a change of a hook.

use crate::{
    domain::{
        endpoint::{Endpoint, UrlProblem},
        hook::{ApiKey, HookPatch, TuningPatch, parse_event_type, parse_name},
        invalid::Invalid,
        tuning,
    },
    engine::hooks::HookChange,
    portal::{ctx::Portal, ops::own_address},
};

pub(super) async fn validate_patch(
    portal: &Portal,
    patch: HookPatch,
) -> Result<HookChange, Invalid> {
    let mut invalid = Invalid::default();
    let name = patch.name.and_then(|name| invalid.take(parse_name(&name)));
    let event_type = patch.event_type.and_then(|key| invalid.take(parse_event_type(&key)));
    let endpoint = match patch.callback_url {
        Some(url) => invalid.take(validate_url(portal, &url).await),
        None => None,
    };
    let api_key = patch.api_key.and_then(|key| invalid.take(ApiKey::parse(&key)));
    let typed = patch.typed_tuning.and_then(|typed| invalid.take(tuning::parse(&typed)));
    let Some(()) = invalid.is_empty().then_some(()) else { return Err(invalid) };
    let tuning = typed.map_or(patch.tuning, TuningPatch::from);
    Ok(HookChange {
        name,
        event_type,
        endpoint,
        api_key,
        enabled: patch.enabled,
        tuning,
        version: patch.version,
    })
}

pub(in crate::portal::ops) async fn validate_url(
    portal: &Portal,
    raw: &str,
) -> Result<Endpoint, Invalid> {
    let endpoint = portal.dispatcher.validate_url(raw).await.map_err(url_invalid)?;
    own_address::refuse(&portal.settings, endpoint)
}

fn url_invalid(problem: UrlProblem) -> Invalid {
    Invalid::one("callback_url", problem.code(), problem.message())
}
