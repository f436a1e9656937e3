//! Looking at deliveries.

use super::Error;
use crate::{
    domain::{
        delivery::{Attempt, Delivery, State},
        hook::Hook,
        id::DeliveryId,
        invalid::Invalid,
        page::Page,
        permission::Permission,
    },
    engine::store::{
        self, attempts, audit, deliveries, hooks,
        log::{self, Place, Search},
        once,
    },
    server::ctx::OpCtx,
};

/// A page of deliveries, newest first. One that looked at many and found few is short, or empty, and has a next one.
pub async fn list(
    ctx: &OpCtx,
    search: &Search,
    cursor: Option<DeliveryId>,
    limit: u32,
) -> Result<Page<Delivery>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let found = log::page(&mut conn, &grant, search, cursor.map_or(Place::Newest, Place::Before), limit).await?;
    let mut page = Page::cut(found.rows, limit, |delivery| delivery.id.to_string());
    page.next_cursor = page.next_cursor.or(found.looked.map(|looked| looked.to_string()));
    Ok(page)
}

/// One delivery and its attempts.
pub async fn find(ctx: &OpCtx, id: DeliveryId) -> Result<(Delivery, Vec<Attempt>), Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let delivery = deliveries::find(&mut conn, &grant, id).await?.ok_or(Error::NotFound("delivery"))?;
    let tries = attempts::of(&mut conn, &grant, id).await?;
    Ok((delivery, without_bodies(ctx, tries)))
}

/// What a receiver answered may repeat what was sent: without `payloads:read` the answers' bodies stay unseen.
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

/// Why a delivery cannot be sent again, as things stand. (Doing it asks again.)
pub fn why_not(delivery: &Delivery, has_hook: bool, size: usize) -> Option<&'static str> {
    if delivery.is_test {
        Some("It is a test: send another test instead.")
    } else if !has_hook {
        Some("Its hook was deleted.")
    } else if size == 0 {
        Some("Its body was removed: it is older than bodies are kept.")
    } else {
        match delivery.state {
            State::Held => Some("It is held and will be sent by itself when its hook sends again."),
            state if !state.is_final() => Some("It is still being delivered: an attempt is due by itself."),
            _ => None,
        }
    }
}

/// Sends a settled delivery again, to where its hook leads now.
pub async fn redeliver(ctx: &OpCtx, id: DeliveryId) -> Result<Delivery, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    let (clock, made) = (ctx.portal.clock().clone(), ctx.once.clone());
    ctx.portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                let delivery = deliveries::find(conn, &grant, id).await?.ok_or(Error::NotFound("delivery"))?;
                if delivery.is_test {
                    return Err(Invalid::one("id", "test", "is a test; send another test instead").into());
                }
                if !delivery.state.is_final() {
                    return Err(Invalid::one("id", "open", "is still being delivered").into());
                }
                let hook = hooks::find(conn, &grant, delivery.hook_id).await?.ok_or(Error::NotFound("hook"))?;
                match deliveries::redeliver(conn, &grant, id, delivery.hook_id, clock.now()).await {
                    Err(store::Error::Missing) => {
                        return Err(Invalid::one("id", "pruned", "cannot be sent again: its body was removed").into());
                    }
                    sent => sent?,
                }
                audit::note(conn, &clock, &grant, "delivery.redelivered", &id.to_string(), &hook.name).await?;
                once::note(conn, made.as_ref(), || format!("/api/v1/deliveries/{id}")).await?;
                deliveries::find(conn, &grant, id).await?.ok_or(Error::NotFound("delivery"))
            })
        })
        .await
}

/// What came of a test, for whoever may send tests.
pub async fn outcome_of_test(ctx: &OpCtx, id: DeliveryId) -> Result<(Delivery, Vec<Attempt>), Error> {
    let grant = ctx.require(Permission::HooksTest)?;
    let mut conn = ctx.portal.store().read().await?;
    let found = deliveries::find(&mut conn, &grant, id).await?.filter(|delivery| delivery.is_test);
    let delivery = found.ok_or(Error::NotFound("test"))?;
    let tries = attempts::of(&mut conn, &grant, id).await?;
    Ok((delivery, tries))
}
