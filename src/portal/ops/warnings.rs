//! Warnings about a hook that do not prevent saving it.

use super::{Error, hooks::validate_url};
use crate::{
    domain::{
        endpoint::{self, Endpoint, Host},
        event::EventType,
        hook::{Hook, HookForm},
        id::HookId,
        invalid::Invalid,
        permission::right,
    },
    engine::store::hooks,
    portal::ctx::OpCtx,
};

/// Warnings about a hook, by field. With `dials`, also tries to connect to its URL, which takes a
/// moment.
pub async fn about(ctx: &OpCtx, hook: &Hook, dials: bool) -> Result<Invalid, Error> {
    // The URL was validated when it was saved, so the rules for addresses are not checked again.
    let Ok(endpoint) = endpoint::parse(&hook.callback_url, true, |_| true) else {
        return Ok(Invalid::default());
    };
    collect(ctx, Some(hook.id), Some(hook.event_type), &endpoint, dials).await
}

/// The same for form input; `id` is the hook that is edited. A refused URL gets no warnings and is
/// not dialled: nothing is dialled that a delivery would not dial.
pub async fn about_typed(
    ctx: &OpCtx,
    id: Option<HookId>,
    form: &HookForm,
) -> Result<Invalid, Error> {
    ctx.require(right::HooksWrite)?;
    let Ok(endpoint) = validate_url(&ctx.portal, &form.callback_url).await else {
        return Ok(Invalid::default());
    };
    collect(ctx, id, EventType::from_key(&form.event_type), &endpoint, true).await
}

async fn collect(
    ctx: &OpCtx,
    id: Option<HookId>,
    event: Option<EventType>,
    endpoint: &Endpoint,
    dials: bool,
) -> Result<Invalid, Error> {
    let grant = ctx.require(right::HooksWrite)?;
    let mut warnings = Invalid::default();
    let mut warn = |code: &str, words: String| warnings.add("callback_url", code, words);
    match ctx.portal.dispatcher.dns_warning(endpoint).await {
        Some(words) => warn("unresolved", words),
        None if dials => {
            if let Some(words) = ctx.portal.dispatcher.connect_warning(endpoint).await {
                warn("unreachable", words);
            }
        }
        None => {}
    }
    if is_readable_on_the_network(endpoint) {
        let words = "Plain HTTP: anyone on the network path can read the key and the events. Use \
                     https:// if possible.";
        warn("plain-http", words.to_owned());
    }
    let others = hooks::all(&mut ctx.portal.store().read().await?, &grant).await?;
    let is_duplicate = |other: &&Hook| {
        Some(other.id) != id
            && other.enabled
            && Some(other.event_type) == event
            && other.callback_url == endpoint.url.as_str()
    };
    if let Some(duplicate) = others.iter().find(is_duplicate) {
        let words = format!(
            "\"{}\" already sends this event to this URL. The receiver gets every event twice \
             while both are on.",
            duplicate.name
        );
        warn("twin", words);
    }
    Ok(warnings)
}

/// Whether traffic to the endpoint is unencrypted and leaves this machine.
fn is_readable_on_the_network(endpoint: &Endpoint) -> bool {
    let is_local = match &endpoint.host {
        Host::Ip(address) => address.is_loopback(),
        Host::Name { name, .. } => name == "localhost",
    };
    endpoint.url.scheme() == "http" && !is_local
}

/// All warnings as one text.
pub fn in_words(warnings: &Invalid) -> Option<String> {
    let words: Vec<_> = warnings.0.iter().map(|warn| warn.message.as_str()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}
