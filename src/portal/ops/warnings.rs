//! What may go wrong with a hook although it is accepted. Said beside the errors, and never in the
//! way.

use super::{Error, hooks::validate_url};
use crate::{
    domain::{
        endpoint::{self, Endpoint, Host},
        event::EventType,
        hook::{Hook, HookForm},
        id::HookId,
        invalid::Invalid,
        permission::Permission,
    },
    engine::store::hooks,
    portal::ctx::OpCtx,
};

/// The warnings about a hook that is saved or about to be, by field. With `dials` it is also tried
/// whether anything accepts connections there, which takes a moment.
pub async fn about(ctx: &OpCtx, hook: &Hook, dials: bool) -> Result<Invalid, Error> {
    // It was judged before; the rules of addresses do not matter here.
    let Ok(endpoint) = endpoint::parse(&hook.callback_url, true, |_| true) else {
        return Ok(Invalid::default());
    };
    collect(ctx, Some(hook.id), Some(hook.event_type), &endpoint, dials).await
}

/// The same about what stands in a form, as far as it can be read; `id` is the hook that is
/// changed. A URL that is refused is not looked at: nothing is dialled that a delivery would not
/// dial.
pub async fn about_typed(
    ctx: &OpCtx,
    id: Option<HookId>,
    form: &HookForm,
) -> Result<Invalid, Error> {
    ctx.require(Permission::HooksWrite)?;
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
    let grant = ctx.require(Permission::HooksWrite)?;
    let mut warnings = Invalid::default();
    let mut warn = |code: &str, words: String| warnings.add("callback_url", code, words);
    match ctx.portal.dispatcher.warn_of_url(endpoint).await {
        Some(words) => warn("unresolved", words),
        None if dials => {
            if let Some(words) = ctx.portal.dispatcher.cannot_reach(endpoint).await {
                warn("unreachable", words);
            }
        }
        None => {}
    }
    if travels_in_the_clear(endpoint) {
        let words = "Plain http: whoever is on the way can read the key and the events. Use \
                     https:// where you can.";
        warn("plain-http", words.to_owned());
    }
    let others = hooks::all(&mut ctx.portal.store().read().await?, &grant).await?;
    let is_twin = |other: &&Hook| {
        Some(other.id) != id
            && other.enabled
            && Some(other.event_type) == event
            && other.callback_url == endpoint.url.as_str()
    };
    if let Some(twin) = others.iter().find(is_twin) {
        let words = format!(
            "{} is on and sends this event to this URL already: the receiver gets every event \
             twice while both are on.",
            twin.name
        );
        warn("twin", words);
    }
    Ok(warnings)
}

/// Not encrypted, and not only within this machine.
fn travels_in_the_clear(endpoint: &Endpoint) -> bool {
    let stays_here = match &endpoint.host {
        Host::Ip(address) => address.is_loopback(),
        Host::Name { name, .. } => name == "localhost",
    };
    endpoint.url.scheme() == "http" && !stays_here
}

/// All of them as one text.
pub fn in_words(warnings: &Invalid) -> Option<String> {
    let words: Vec<_> = warnings.0.iter().map(|warn| warn.message.as_str()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}
