//! Try now and Resume: the forms that send a hook's waiting deliveries before they are due.

use super::{flash, found::parse_id};
use crate::{
    domain::{
        delivery::{Delivery, State},
        hook::Hook,
        permission::Permission,
    },
    portal::{
        ctx::OpCtx,
        ops,
        request::{redirect, request},
    },
    view::{Error, hooks::SendWaiting, session::FlashKind, words::deliveries as words},
};

/// After a test that succeeded: the hook's deliveries that the reader can send now.
pub(super) async fn offer(
    ctx: &OpCtx,
    hook: &Hook,
    test: &Delivery,
) -> Result<Option<SendWaiting>, ops::Error> {
    // Turning a hook on sends its held events. It needs another permission than trying now.
    let needed = match hook.enabled {
        true => Permission::DeliveriesReplay,
        false => Permission::HooksWrite,
    };
    if test.state != State::Delivered || !ctx.may(needed) || !ctx.may(Permission::DeliveriesRead) {
        return Ok(None);
    }
    let number = ops::try_now::count(ctx, hook.id).await?;
    let offer = SendWaiting { hook: hook.id.to_string(), is_on: hook.enabled, number };
    Ok((number > 0).then_some(offer))
}

/// Sends a hook's waiting deliveries now, probes a paused hook, and returns to the page that asked.
pub async fn hook(id: &str) -> Result<(), Error> {
    let request = request()?;
    let hook = request.respond(parse_id(id))?;
    let (kind, text) = match ops::try_now::hook(&request.ctx, hook).await {
        Ok((forward, was_paused)) => {
            (FlashKind::Done, words::trying_now(forward.deliveries, forward.or_more, was_paused))
        }
        // It was turned off since the page was shown.
        Err(ops::Error::Invalid(invalid)) => {
            let message = invalid.0.first().map(|fault| fault.message.clone());
            (FlashKind::Warning, message.unwrap_or_default())
        }
        Err(error) => return request.respond(Err(error)),
    };
    flash(&request, kind, text).await;
    redirect(&request.came_from(&format!("/integration/hooks/{hook}")));
    Ok(())
}
