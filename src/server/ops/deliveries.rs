//! Looking at deliveries.

use super::Error;
use crate::{
    domain::{
        delivery::{Attempt, Delivery},
        id::DeliveryId,
        page::Page,
        permission::Permission,
    },
    engine::store::{
        attempts,
        deliveries::{self, Filter},
    },
    server::ctx::OpCtx,
};

/// A page of deliveries, newest first.
pub async fn list(
    ctx: &OpCtx,
    filter: &Filter,
    cursor: Option<DeliveryId>,
    limit: u32,
) -> Result<Page<Delivery>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let rows = deliveries::page(&mut conn, &grant, filter, cursor, limit).await?;
    Ok(Page::cut(rows, limit, |delivery| delivery.id.to_string()))
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

/// What came of a test, for whoever may send tests.
pub async fn outcome_of_test(ctx: &OpCtx, id: DeliveryId) -> Result<(Delivery, Vec<Attempt>), Error> {
    let grant = ctx.require(Permission::HooksTest)?;
    let mut conn = ctx.portal.store().read().await?;
    let found = deliveries::find(&mut conn, &grant, id).await?.filter(|delivery| delivery.is_test);
    let delivery = found.ok_or(Error::NotFound("test"))?;
    let tries = attempts::of(&mut conn, &grant, id).await?;
    Ok((delivery, tries))
}
