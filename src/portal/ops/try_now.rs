//! Try now: sends a hook's waiting deliveries before they are due, after its receiver was repaired.

use super::Error;
use crate::{
    domain::{id::HookId, permission::right},
    engine::{
        self,
        store::{
            forward::{self, Forward},
            health,
        },
    },
    portal::ctx::OpCtx,
};

/// Sends a hook's waiting deliveries now, rate-limited, and probes a paused hook at once. Returns
/// also whether it was paused.
pub async fn hook(ctx: &OpCtx, id: HookId) -> Result<(Forward, bool), Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    let all = health::all(&mut ctx.portal.store().read().await?, &grant).await?;
    let was_paused = all.get(&id).is_some_and(|health| health.paused.is_some());
    let engine = &ctx.portal.dispatcher;
    let forward = engine::deliveries::try_now(engine, grant, id, ctx.once.clone()).await?;
    Ok((forward, was_paused))
}

/// The deliveries of a hook that wait for a retry or are held, counted up to
/// [`MANY`](crate::domain::words::MANY) and one.
pub async fn count(ctx: &OpCtx, id: HookId) -> Result<i64, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    Ok(forward::count(&mut conn, &grant, id, ctx.portal.clock().now()).await?)
}
