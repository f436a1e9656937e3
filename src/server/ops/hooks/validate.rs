//! Validates what a person or a program wants a hook to be.

use crate::{
    domain::{
        endpoint::{self, Endpoint, UrlProblem},
        event::EventType,
        hook::{HookPatch, TuningPatch, parse_api_key, parse_event_type, parse_name},
        invalid::Invalid,
    },
    server::{
        ctx::Portal,
        ops::{own_address, tuning},
    },
};

/// What of a hook is to change, judged.
pub(super) struct Judged {
    pub name: Option<String>,
    pub event_type: Option<EventType>,
    pub endpoint: Option<Endpoint>,
    pub api_key: Option<String>,
    pub enabled: Option<bool>,
    pub tuning: TuningPatch,
    pub version: Option<i64>,
}

pub(super) async fn judge_patch(portal: &Portal, patch: HookPatch) -> Result<Judged, Invalid> {
    let mut invalid = Invalid::default();
    let name = patch.name.and_then(|name| invalid.take(parse_name(&name)));
    let event_type = patch.event_type.and_then(|key| invalid.take(parse_event_type(&key)));
    let endpoint = match patch.callback_url {
        Some(url) => invalid.take(judge_url(portal, &url).await),
        None => None,
    };
    let api_key = patch.api_key.and_then(|key| invalid.take(parse_api_key(&key)));
    let typed = patch.typed_tuning.and_then(|typed| invalid.take(tuning::parse(&typed)));
    let Some(()) = invalid.is_empty().then_some(()) else { return Err(invalid) };
    let tuning = typed.map_or(patch.tuning, TuningPatch::from);
    Ok(Judged {
        name,
        event_type,
        endpoint,
        api_key,
        enabled: patch.enabled,
        tuning,
        version: patch.version,
    })
}

/// What is wrong when a URL leads elsewhere and no key was entered for it.
pub(in crate::server::ops) fn key_again() -> Invalid {
    Invalid::one(
        "api_key",
        "required",
        "Enter the API key again: the URL now leads to another host, and a key is only sent where \
         it was entered for.",
    )
}

/// Another scheme, host or port. The old URL was judged when it was stored.
pub(in crate::server::ops) fn leads_elsewhere(old: &str, new: &Endpoint) -> bool {
    match endpoint::parse(old, true, |_| true) {
        Ok(old) => old.origin() != new.origin(),
        Err(_) => true,
    }
}

pub(in crate::server::ops) async fn judge_url(
    portal: &Portal,
    raw: &str,
) -> Result<Endpoint, Invalid> {
    let endpoint = portal.dispatcher.judge_url(raw).await.map_err(url_invalid)?;
    own_address::refuse(&portal.settings, endpoint)
}

fn url_invalid(problem: UrlProblem) -> Invalid {
    Invalid::one("callback_url", problem.code(), problem.message())
}
