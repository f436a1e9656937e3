//! Redelivery of one or several deliveries: the preview, and the redelivery itself.

use std::collections::HashSet;

use super::flash;
use crate::{
    domain::{
        delivery::Delivery,
        id::DeliveryId,
        permission::right,
        redelivery::{Act, Refusal},
    },
    engine::deliveries::Sent,
    portal::{
        ctx::OpCtx,
        ops,
        request::{local, redirect, request},
    },
    view::{
        Error,
        deliveries::{Redelivery, RedeliveryGroup},
        session::FlashKind,
        words::deliveries as words,
    },
};

/// Maximum number of ids in a request: more than a page of the log has.
const MOST: usize = 200;

fn parse(id: &str) -> Result<DeliveryId, ops::Error> {
    id.parse().map_err(|_| ops::Error::NotFound("delivery"))
}

/// The preview of a redelivery. `back` is the URL for Cancel.
pub async fn ask(ids: &[String], back: &str) -> Result<Redelivery, Error> {
    let request = request()?;
    let preview = preview(&request.ctx, ids, back).await;
    request.respond(preview)
}

async fn preview(ctx: &OpCtx, ids: &[String], back: &str) -> Result<Redelivery, ops::Error> {
    ctx.require(right::DeliveriesReplay)?;
    let mut seen = HashSet::new();
    let ids: Vec<DeliveryId> =
        ids.iter().take(MOST).map(|id| parse(id)).collect::<Result<_, _>>()?;
    let ids: Vec<DeliveryId> = ids.into_iter().filter(|id| seen.insert(*id)).collect();
    let found = ops::deliveries::these(ctx, &ids).await?;
    if let [id] = ids[..]
        && found.is_empty()
    {
        tracing::debug!(%id, "the delivery no longer exists");
        return Err(ops::Error::NotFound("delivery"));
    }
    let mut redelivery = Redelivery {
        ids: Vec::new(),
        groups: Vec::new(),
        again: 0,
        now: 0,
        refused: Vec::new(),
        event: None,
        old_url: None,
        back: local(back).to_owned(),
    };
    if let [only] = &found[..] {
        redelivery.event = Some(only.event_id.to_string());
        redelivery.old_url = ops::deliveries::last_url(ctx, only.id).await?;
        if back.is_empty() {
            redelivery.back = format!("/integration/hooks/{}/deliveries/{}", only.hook_id, only.id);
        }
    }
    for delivery in found {
        add(ctx, &mut redelivery, delivery).await?;
    }
    Ok(redelivery)
}

/// Adds a delivery to those that can be redelivered, or to those that are refused.
async fn add(
    ctx: &OpCtx,
    redelivery: &mut Redelivery,
    delivery: Delivery,
) -> Result<(), ops::Error> {
    let hook = ops::deliveries::hook_of(ctx, &delivery).await?;
    let size = ops::events::size(ctx, delivery.event_id).await?;
    let can = ops::deliveries::can(&delivery, hook.as_ref(), size);
    let (Some(hook), Ok(act)) = (hook, can) else {
        let reason = can.err().map(Refusal::reason).unwrap_or_default();
        match redelivery.refused.iter_mut().find(|(known, _)| known == reason) {
            Some((_, count)) => *count += 1,
            None => redelivery.refused.push((reason.to_owned(), 1)),
        }
        return Ok(());
    };
    redelivery.ids.push(delivery.id.to_string());
    match act {
        Act::Redeliver => redelivery.again += 1,
        Act::TryNow => redelivery.now += 1,
    }
    let id = hook.id.to_string();
    match redelivery.groups.iter_mut().find(|group| group.id == id && group.act == act) {
        Some(group) => group.count += 1,
        None => redelivery.groups.push(RedeliveryGroup {
            id,
            name: hook.name,
            url: hook.callback_url,
            key_hint: hook.api_key_hint,
            enabled: hook.enabled,
            act,
            count: 1,
        }),
    }
    Ok(())
}

/// Redelivers one delivery and redirects to its page, also if the form was sent before or nothing
/// can be done with the delivery any more.
pub async fn one(id: &str, form_token: &str) -> Result<(), Error> {
    let request = request()?;
    let id = request.respond(parse(id))?;
    let nonce = request.form_nonce(form_token);
    let (kind, text) = match ops::deliveries::redeliver_once(&request.ctx, nonce, id).await {
        Ok(Some(Sent { act, delivery })) => (FlashKind::Done, words::accepted(act, &delivery)),
        Ok(None) => (FlashKind::Done, words::SENT_BEFORE.to_owned()),
        // Something changed since the page was shown.
        Err(ops::Error::Invalid(invalid)) => {
            let message = invalid.0.first().map(|fault| fault.message.clone());
            (FlashKind::Warning, message.unwrap_or_default())
        }
        Err(error) => return request.respond(Err(error)),
    };
    let found = ops::deliveries::these(&request.ctx, &[id]).await;
    let found = request.respond(found)?.into_iter().next();
    let found = found.ok_or(ops::Error::NotFound("delivery"));
    let hook = request.respond(found)?.hook_id;
    flash(&request, kind, text).await;
    redirect(&format!("/integration/hooks/{hook}/deliveries/{id}"));
    Ok(())
}

/// Redelivers the selected deliveries, and reports how many were refused.
pub async fn many(ids: &[String], back: &str) -> Result<(), Error> {
    let request = request()?;
    request.respond(request.ctx.require(right::DeliveriesReplay).map_err(ops::Error::from))?;
    let mut redelivered = words::Redelivered::default();
    for id in ids.iter().take(MOST) {
        let Ok(id) = parse(id) else { continue };
        match ops::deliveries::redeliver(&request.ctx, id).await {
            Ok(Sent { act, delivery }) => redelivered.add(act, &delivery),
            // Redelivered by someone else or removed by retention since the preview.
            Err(ops::Error::Invalid(_) | ops::Error::NotFound(_)) => redelivered.refused += 1,
            Err(error) => return request.respond(Err(error)),
        }
    }
    let kind = if redelivered.refused > 0 { FlashKind::Warning } else { FlashKind::Done };
    flash(&request, kind, redelivered.sentence()).await;
    redirect(local(back));
    Ok(())
}
