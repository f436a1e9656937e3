//! Looking at deliveries.

use super::Error;
use crate::{
    domain::{
        delivery::{Attempt, Delivery, State},
        hook::Hook,
        id::DeliveryId,
        page::Page,
        permission::Permission,
    },
    engine::{
        self,
        store::{
            attempts, deliveries, hooks,
            log::{self, Place, Search},
        },
    },
    portal::ctx::OpCtx,
};

/// A page of deliveries, newest first. One that looked at many and found few is short, or empty,
/// and has a next one.
pub async fn list(
    ctx: &OpCtx,
    search: &Search,
    cursor: Option<DeliveryId>,
    limit: u32,
) -> Result<Page<Delivery>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let found =
        log::page(&mut conn, &grant, search, cursor.map_or(Place::Newest, Place::Before), limit)
            .await?;
    let mut page = Page::cut(found.rows, limit, |delivery| delivery.id.to_string());
    page.next_cursor = page.next_cursor.or(found.looked.map(|looked| looked.to_string()));
    Ok(page)
}

/// One delivery and its attempts.
pub async fn find(ctx: &OpCtx, id: DeliveryId) -> Result<(Delivery, Vec<Attempt>), Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let delivery =
        deliveries::find(&mut conn, &grant, id).await?.ok_or(Error::NotFound("delivery"))?;
    let tries = attempts::of(&mut conn, &grant, id).await?;
    Ok((delivery, without_bodies(ctx, tries)))
}

/// What a receiver answered may repeat what was sent: without `payloads:read` the answers' bodies
/// stay unseen.
pub(super) fn without_bodies(ctx: &OpCtx, mut attempts: Vec<Attempt>) -> Vec<Attempt> {
    if !ctx.may(Permission::PayloadsRead) {
        for attempt in &mut attempts {
            attempt.response_body.clear();
        }
    }
    attempts
}

/// The deliveries of these ids, newest first.
pub async fn these(ctx: &OpCtx, ids: &[DeliveryId]) -> Result<Vec<Delivery>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    Ok(log::these(&mut ctx.portal.store().read().await?, &grant, ids).await?)
}

/// The hook of a delivery; `None` once it is deleted.
pub async fn hook_of(ctx: &OpCtx, delivery: &Delivery) -> Result<Option<Hook>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    Ok(hooks::find(&mut ctx.portal.store().read().await?, &grant, delivery.hook_id).await?)
}

/// Where a delivery was sent last.
pub async fn last_url(ctx: &OpCtx, id: DeliveryId) -> Result<Option<String>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let tries = attempts::of(&mut ctx.portal.store().read().await?, &grant, id).await?;
    Ok(tries.into_iter().next_back().map(|attempt| attempt.url))
}

/// Why a delivery cannot be sent now, as things stand. (Doing it asks again.)
pub fn why_not(delivery: &Delivery, hook: Option<&Hook>, size: usize) -> Option<&'static str> {
    let Some(hook) = hook else { return Some("Its hook was deleted.") };
    match delivery.state {
        _ if delivery.is_test => Some("It is a test: send another test instead."),
        _ if size == 0 => Some("Its body was removed: it is older than bodies are kept."),
        State::Pending => Some("Its first attempt is due now: it is sent automatically."),
        State::Held | State::Waiting if !hook.enabled => Some(HELD_BY_OFF),
        _ => None,
    }
}

const HELD_BY_OFF: &str =
    "Its hook is switched off. Switch the hook on: then it is sent automatically.";

/// Sends a settled delivery again, to where its hook leads now; and one that waits or is held
/// before its time.
pub async fn redeliver(ctx: &OpCtx, id: DeliveryId) -> Result<Delivery, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    let engine = &ctx.portal.dispatcher;
    Ok(engine::deliveries::redeliver(engine, grant, id, ctx.once.clone()).await?)
}

/// What came of a test, for whoever may send tests.
pub async fn outcome_of_test(
    ctx: &OpCtx,
    id: DeliveryId,
) -> Result<(Delivery, Vec<Attempt>), Error> {
    let grant = ctx.require(Permission::HooksTest)?;
    let mut conn = ctx.portal.store().read().await?;
    let found = deliveries::find(&mut conn, &grant, id).await?.filter(|delivery| delivery.is_test);
    let delivery = found.ok_or(Error::NotFound("test"))?;
    let tries = attempts::of(&mut conn, &grant, id).await?;
    Ok((delivery, tries))
}
