//! Trying now: what a hook has waiting is sent before its time, once its receiver is repaired.

use super::Error;
use crate::{
    domain::{id::HookId, permission::Permission},
    engine::{self, store::forward::Forward},
    portal::ctx::OpCtx,
};

/// Sends what a hook has waiting now, at a pace, and probes a paused hook at once.
pub async fn hook(ctx: &OpCtx, id: HookId) -> Result<Forward, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    let engine = &ctx.portal.dispatcher;
    Ok(engine::deliveries::try_now(engine, grant, id, ctx.once.clone()).await?)
}
