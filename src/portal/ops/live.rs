//! What changes while somebody looks: news of the log, and how far a job is. Asked no more than
//! once a second for each who looks, and whether there is anything new at all only once a second
//! for all of them.

use std::time::Duration;

use super::Error;
use crate::{
    domain::{
        id::{DeliveryId, JobId},
        job::Job,
        permission::{Grant, Permission},
    },
    engine::store::log::{self, Place, Search},
    portal::ctx::OpCtx,
};

/// For so long an answer is good enough for whoever else asks.
const FRESH: Duration = Duration::from_millis(900);
/// News are counted up to here.
pub const MOST: u32 = 99;

/// The newest delivery there is, as it was read last.
async fn newest(ctx: &OpCtx, grant: &Grant) -> Result<Option<DeliveryId>, Error> {
    let mut last = ctx.portal.newest.lock().await;
    if let Some((read, newest)) = *last
        && read.elapsed() < FRESH
    {
        return Ok(newest);
    }
    let newest = log::newest(&mut ctx.portal.store().read().await?, grant).await?;
    *last = Some((ctx.portal.clock().stopwatch(), newest));
    Ok(newest)
}

/// How many deliveries of a search are newer than `after`, if there may be more of them than there
/// were: `seen` is the newest of all when it was asked last.
pub async fn news(
    ctx: &OpCtx,
    search: &Search,
    after: DeliveryId,
    seen: &mut Option<DeliveryId>,
) -> Result<Option<usize>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let newest = newest(ctx, &grant).await?;
    // What is filtered by may change without a new delivery; the plain log does not.
    let is_plain = search.states.is_empty() && search.answer.is_none();
    if newest.is_none_or(|newest| newest <= after) || is_plain && *seen == newest {
        return Ok(None);
    }
    *seen = newest;
    let found =
        log::page(&mut ctx.portal.store().read().await?, &grant, search, Place::After(after), MOST)
            .await?;
    Ok(Some(found.rows.len()))
}

/// How far a job is.
pub async fn job(ctx: &OpCtx, id: JobId) -> Result<Job, Error> {
    super::jobs::find(ctx, id).await
}
