//! Dismissals: undelivered events that need not be sent, with the reason.

use super::Error;
use crate::{
    domain::{dismissal::Dismissal, id::DismissalId, job::Count, page::Page, permission::right},
    engine::{dismissals, store},
    portal::ctx::OpCtx,
};

pub use crate::engine::dismissals::{Dismiss, Undone};

/// The number of deliveries that a dismissal would include.
pub async fn count(ctx: &OpCtx, dismiss: &Dismiss) -> Result<Count, Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    Ok(dismissals::count(&ctx.portal.dispatcher, &grant, dismiss).await?)
}

/// Dismisses failed, skipped or held deliveries of a hook.
pub async fn dismiss(ctx: &OpCtx, dismiss: Dismiss) -> Result<Dismissal, Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    let once = ctx.once.clone();
    Ok(dismissals::dismiss(&ctx.portal.dispatcher, grant, dismiss, once).await?)
}

/// Brings dismissed deliveries back.
pub async fn undo(ctx: &OpCtx, id: DismissalId) -> Result<Undone, Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    Ok(dismissals::undo(&ctx.portal.dispatcher, grant, id, ctx.once.clone()).await?)
}

pub async fn find(ctx: &OpCtx, id: DismissalId) -> Result<Dismissal, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    store::dismissals::find(&mut conn, &grant, id).await?.ok_or(Error::NotFound("dismissal"))
}

/// A page of dismissals, newest first.
pub async fn page(
    ctx: &OpCtx,
    cursor: Option<DismissalId>,
    limit: u32,
) -> Result<Page<Dismissal>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let rows = store::dismissals::page(&mut conn, &grant, cursor, limit).await?;
    Ok(Page::cut(rows, limit, |dismissal| dismissal.id.to_string()))
}
