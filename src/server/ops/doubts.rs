//! What may go wrong with a hook although it is accepted. Said beside the errors, and never in the way.

use super::Error;
use crate::{
    domain::{
        endpoint::{self, Endpoint, Host},
        hook::Hook,
        invalid::Invalid,
        permission::Permission,
    },
    engine::store::hooks,
    server::ctx::OpCtx,
};

/// The doubts about a hook that is saved or about to be, by field. With `dials` it is also tried whether anything
/// accepts connections there, which takes a moment.
pub async fn about(ctx: &OpCtx, hook: &Hook, dials: bool) -> Result<Invalid, Error> {
    let grant = ctx.require(Permission::HooksWrite)?;
    let mut doubts = Invalid::default();
    // It was judged before; the rules of addresses do not matter here.
    let Ok(endpoint) = endpoint::parse(&hook.callback_url, true, |_| true) else { return Ok(doubts) };
    let mut doubt = |code: &str, words: String| doubts.add("callback_url", code, words);
    match ctx.portal.dispatcher.doubt_url(&endpoint).await {
        Some(words) => doubt("unresolved", words),
        None if dials => {
            if let Some(words) = ctx.portal.dispatcher.cannot_reach(&endpoint).await {
                doubt("unreachable", words);
            }
        }
        None => {}
    }
    if travels_in_the_clear(&endpoint) {
        let words = "Plain http: whoever is on the way can read the key and the events. Use https:// where you can.";
        doubt("plain-http", words.to_owned());
    }
    let others = hooks::all(&mut ctx.portal.store().read().await?, &grant).await?;
    let is_twin = |other: &&Hook| {
        other.id != hook.id
            && other.enabled
            && other.event_type == hook.event_type
            && other.callback_url == hook.callback_url
    };
    if let Some(twin) = others.iter().find(is_twin) {
        let words = format!(
            "{} is on and sends this event to this URL already: the receiver gets every event twice while both are on.",
            twin.name
        );
        doubt("twin", words);
    }
    Ok(doubts)
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
pub fn in_words(doubts: &Invalid) -> Option<String> {
    let words: Vec<_> = doubts.0.iter().map(|doubt| doubt.message.as_str()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}
