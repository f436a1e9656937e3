//! Live updates of pages: new log entries, and a job's progress. Each viewer polls once a second;
//! the query for the newest delivery is cached and shared by all viewers.

use std::time::Duration;

use super::Error;
use crate::{
    domain::{
        id::{DeliveryId, JobId},
        job::Job,
        job_results::JobResults,
        permission::{Grant, right},
    },
    engine::store::log::{self, Place, Search},
    portal::ctx::OpCtx,
};

/// Time to live of the cached newest delivery.
const FRESH: Duration = Duration::from_millis(900);
/// New deliveries are counted up to here.
pub const MOST: u32 = 99;

/// The newest delivery, cached for [`FRESH`].
async fn newest(
    ctx: &OpCtx,
    grant: &Grant<right::DeliveriesRead>,
) -> Result<Option<DeliveryId>, Error> {
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

/// Counts deliveries of a search that are newer than `after`. `None` if the count cannot have
/// changed. `seen` is the newest delivery at the last call.
pub async fn news(
    ctx: &OpCtx,
    search: &Search,
    after: DeliveryId,
    seen: &mut Option<DeliveryId>,
) -> Result<Option<usize>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let newest = newest(ctx, &grant).await?;
    // With a filter by state or answer the result may change without a new delivery.
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

/// A job with its progress.
pub async fn job(ctx: &OpCtx, id: JobId) -> Result<(Job, JobResults), Error> {
    super::jobs::with_results(ctx, super::jobs::find(ctx, id).await?).await
}
