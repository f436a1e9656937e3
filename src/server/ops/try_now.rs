//! Trying now: what a hook has waiting is sent before its time, once its receiver is repaired.

use super::Error;
use crate::{
    domain::{id::HookId, invalid::Invalid, permission::Permission},
    engine::store::{
        audit,
        forward::{self, Forward},
        hooks, once,
    },
    server::ctx::OpCtx,
};

/// Sends what a hook has waiting now, at a pace, and probes a paused hook at once.
pub async fn hook(ctx: &OpCtx, id: HookId) -> Result<Forward, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    let (clock, made) = (ctx.portal.clock().clone(), ctx.once.clone());
    ctx.portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                let hook = hooks::find(conn, &grant, id).await?.ok_or(Error::NotFound("hook"))?;
                if !hook.enabled {
                    let message =
                        "is switched off; switch it on, and what it holds is sent automatically";
                    return Err(Invalid::one("id", "off", message).into());
                }
                let forward = forward::all(conn, &grant, id, clock.now()).await?;
                audit::note(
                    conn,
                    &clock,
                    &grant,
                    "hook.tried_now",
                    &id.to_string(),
                    &in_words(&forward),
                )
                .await?;
                once::note(conn, made.as_ref(), || format!("/api/v1/hooks/{id}")).await?;
                Ok(forward)
            })
        })
        .await
}

fn in_words(forward: &Forward) -> String {
    format!("{}{} deliveries", if forward.or_more { "more than " } else { "" }, forward.deliveries)
}
