//! Try now: sends a hook's waiting deliveries before they are due, after its receiver was repaired.

use super::Error;
use crate::{
    domain::{id::HookId, permission::right},
    engine::{self, store::forward::Forward},
    portal::ctx::OpCtx,
};

/// Sends a hook's waiting deliveries now, rate-limited, and probes a paused hook at once.
pub async fn hook(ctx: &OpCtx, id: HookId) -> Result<Forward, Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    let engine = &ctx.portal.dispatcher;
    Ok(engine::deliveries::try_now(engine, grant, id, ctx.once.clone()).await?)
}
