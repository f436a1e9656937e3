//! Reading single deliveries and redelivering them.

use std::collections::{HashMap, HashSet};

use super::{
    Error,
    once::{self, Action, Outcome},
};
use crate::{
    domain::{
        acceptance::Acceptance,
        delivery::{Attempt, Delivery, State},
        health::Health,
        hook::Hook,
        id::{DeliveryId, EventId, HookId},
        page::Page,
        permission::{Grant, Permission, right},
        redelivery::{Act, Refusal, possible},
    },
    engine::{
        self,
        deliveries::Sent,
        store::{
            attempts,
            db::Conn,
            deliveries, events, health, hooks,
            log::{self, Place, Search},
        },
    },
    portal::ctx::OpCtx,
};

/// A page of deliveries, newest first. The search scans a limited number of rows, so a page may be
/// short or empty and still have a next cursor.
pub async fn list(
    ctx: &OpCtx,
    search: &Search,
    cursor: Option<DeliveryId>,
    limit: u32,
) -> Result<Page<Delivery>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let found =
        log::page(&mut conn, &grant, search, cursor.map_or(Place::Newest, Place::Before), limit)
            .await?;
    let mut rows = found.rows;
    reasons_of_now(&mut conn, &grant, &mut rows).await?;
    let mut page = Page::cut(rows, limit, |delivery| delivery.id.to_string());
    page.next_cursor =
        page.next_cursor.or(found.scanned_to.map(|last_scanned| last_scanned.to_string()));
    Ok(page)
}

/// A delivery with its attempts.
pub async fn find(ctx: &OpCtx, id: DeliveryId) -> Result<(Delivery, Vec<Attempt>), Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let mut delivery =
        deliveries::find(&mut conn, &grant, id).await?.ok_or(Error::NotFound("delivery"))?;
    let attempts = attempts::of(&mut conn, &grant, id).await?;
    reasons_of_now(&mut conn, &grant, std::slice::from_mut(&mut delivery)).await?;
    Ok((delivery, without_bodies(ctx, attempts)))
}

/// Says of held deliveries why their hooks hold them now. The stored reason is of the time when a
/// delivery was put away: a paused hook may have been turned off since.
pub(super) async fn reasons_of_now(
    conn: &mut Conn,
    grant: &Grant<right::DeliveriesRead>,
    rows: &mut [Delivery],
) -> Result<(), Error> {
    let mut known: HashMap<HookId, Option<String>> = HashMap::new();
    for delivery in rows.iter_mut().filter(|delivery| delivery.state == State::Held) {
        let reason = match known.get(&delivery.hook_id) {
            Some(reason) => reason.clone(),
            None => {
                let hook = hooks::find(conn, grant, delivery.hook_id).await?;
                let reason = why_held(hook.as_ref());
                known.insert(delivery.hook_id, reason.clone());
                reason
            }
        };
        delivery.reason = reason.or(delivery.reason.take());
    }
    Ok(())
}

fn why_held(hook: Option<&Hook>) -> Option<String> {
    let acceptance = if hook?.enabled { Acceptance::Paused } else { Acceptance::Off };
    acceptance.hold_reason().map(str::to_owned)
}

/// Removes the response bodies unless the actor has `payloads:read`: a receiver may echo the
/// payload.
pub(super) fn without_bodies(ctx: &OpCtx, mut attempts: Vec<Attempt>) -> Vec<Attempt> {
    if !ctx.may(Permission::PayloadsRead) {
        for attempt in &mut attempts {
            attempt.response_body.clear();
        }
    }
    attempts
}

/// The deliveries with these ids, newest first.
pub async fn these(ctx: &OpCtx, ids: &[DeliveryId]) -> Result<Vec<Delivery>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let mut rows = log::by_ids(&mut conn, &grant, ids).await?;
    reasons_of_now(&mut conn, &grant, &mut rows).await?;
    Ok(rows)
}

/// Which of these events have no payload any more.
pub async fn without_payload(ctx: &OpCtx, events: &[EventId]) -> Result<HashSet<EventId>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    Ok(events::pruned(&mut ctx.portal.store().read().await?, &grant, events).await?)
}

/// The hook of a delivery; `None` if it was deleted.
pub async fn hook_of(ctx: &OpCtx, delivery: &Delivery) -> Result<Option<Hook>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    Ok(hooks::find(&mut ctx.portal.store().read().await?, &grant, delivery.hook_id).await?)
}

/// The health of a hook's receiver.
pub async fn health_of(ctx: &OpCtx, hook: HookId) -> Result<Health, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let all = health::all(&mut ctx.portal.store().read().await?, &grant).await?;
    Ok(all.get(&hook).copied().unwrap_or_default())
}

/// The URL of a delivery's last attempt.
pub async fn last_url(ctx: &OpCtx, id: DeliveryId) -> Result<Option<String>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let attempts = attempts::of(&mut ctx.portal.store().read().await?, &grant, id).await?;
    Ok(attempts.into_iter().next_back().map(|attempt| attempt.url))
}

/// What can be done with a delivery now, for display. [`redeliver`] decides again. `size` is the
/// payload's; 0 means it was removed.
pub fn can(delivery: &Delivery, hook: Option<&Hook>, size: usize) -> Result<Act, Refusal> {
    possible(delivery, hook.map(|hook| hook.enabled), size > 0)
}

/// Redelivers a settled delivery to its hook's current URL, or sends a waiting or held one now.
pub async fn redeliver(ctx: &OpCtx, id: DeliveryId) -> Result<Sent, Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    let engine = &ctx.portal.dispatcher;
    Ok(engine::deliveries::redeliver(engine, grant, id, ctx.once.clone()).await?)
}

/// The same from a form whose button may be pressed twice: with the form's nonce it happens once.
/// `None`: an earlier request did it.
pub async fn redeliver_once(
    ctx: &OpCtx,
    nonce: Option<String>,
    id: DeliveryId,
) -> Result<Option<Sent>, Error> {
    ctx.require(right::DeliveriesReplay)?;
    let Some(nonce) = nonce else { return Ok(Some(redeliver(ctx, id).await?)) };
    let action = Action::new(ctx, "deliveries/redeliver", format!("{id}\0{nonce}").as_bytes());
    let sent = once::act(ctx, &action, move |ctx| async move { redeliver(&ctx, id).await });
    Ok(match sent.await? {
        Outcome::Now(sent) => Some(sent),
        Outcome::Before(_) => None,
    })
}

impl once::Identified for Sent {
    fn id(&self) -> impl std::fmt::Display {
        self.delivery.id
    }
}

/// The delivery of a test, with attempts. Requires only `hooks:test`.
pub async fn outcome_of_test(
    ctx: &OpCtx,
    id: DeliveryId,
) -> Result<(Delivery, Vec<Attempt>), Error> {
    let grant = ctx.require(right::HooksTest)?;
    let mut conn = ctx.portal.store().read().await?;
    let found = deliveries::find(&mut conn, &grant, id).await?.filter(|delivery| delivery.is_test);
    let delivery = found.ok_or(Error::NotFound("test"))?;
    let attempts = attempts::of(&mut conn, &grant, id).await?;
    Ok((delivery, attempts))
}
