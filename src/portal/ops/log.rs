//! Searching the delivery log: by filters, and by text in payloads.

pub mod export;
pub(super) mod folded;
mod text;

use std::{collections::HashMap, time::Duration};

use super::{Error, deliveries::reasons_of_now};
use crate::{
    domain::{
        busy::Busy,
        delivery::Delivery,
        histogram::Histogram,
        hook::Hook,
        id::{DeliveryId, HookId},
        permission::right,
        time::Timestamp,
        words::MANY,
    },
    engine::store::{
        hooks,
        log::{self, Place, Search},
    },
    portal::ctx::OpCtx,
};

/// Undelivered events are counted up to here for the navigation.
pub const MOST_UNDELIVERED: i64 = 1_000;
/// Time to live of that number.
const FRESH: Duration = Duration::from_millis(900);
/// `Retry-After` in seconds for a user with too many waiting searches.
const RETRY_SEARCH: u64 = 5;

/// A page of the log.
pub struct LogFound {
    /// Newest first.
    pub rows: Vec<Delivery>,
    pub is_more: bool,
    /// Where the scan stopped because of its limit, if the page is incomplete.
    pub looked: Option<DeliveryId>,
    /// How many deliveries a search in payloads read.
    pub searched: Option<usize>,
}

/// A page of the log. A non-empty `text` is searched in payloads and requires `payloads:read`.
pub async fn page(
    ctx: &OpCtx,
    search: &Search,
    text: &str,
    place: Place,
    limit: u32,
) -> Result<LogFound, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    if !text.is_empty() {
        let payloads = ctx.require(right::PayloadsRead)?;
        let _permit = ctx
            .portal
            .searches
            .take(ctx.limited_as())
            .await
            .ok_or(Error::Busy { reason: Busy::Searches, seconds: RETRY_SEARCH })?;
        let mut conn = ctx.portal.store().read().await?;
        let limit = limit as usize;
        let mut found =
            text::matching(&mut conn, &grant, &payloads, search, text, place, limit).await?;
        reasons_of_now(&mut conn, &grant, &mut found.rows).await?;
        return Ok(found);
    }
    let mut conn = ctx.portal.store().read().await?;
    let found = log::page(&mut conn, &grant, search, place, limit).await?;
    let mut rows = nearest_first(found.rows, place);
    let is_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    reasons_of_now(&mut conn, &grant, &mut rows).await?;
    Ok(LogFound {
        rows: nearest_first(rows, place),
        is_more,
        looked: found.scanned_to,
        searched: None,
    })
}

/// Converts between newest first and nearest to the page's start first. Only a page `After` a
/// delivery is reversed.
fn nearest_first(mut rows: Vec<Delivery>, place: Place) -> Vec<Delivery> {
    if matches!(place, Place::After(_)) {
        rows.reverse();
    }
    rows
}

/// Number of results of a search, counted up to [`MANY`] + 1; `None` if counting is too expensive.
pub async fn count(ctx: &OpCtx, search: &Search) -> Result<Option<i64>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    Ok(log::count_up_to(&mut ctx.portal.store().read().await?, &grant, search, MANY + 1).await?)
}

/// The matches of a search over time. `offset_ms` is the reader's distance to UTC.
pub async fn histogram(
    ctx: &OpCtx,
    search: &Search,
    now: Timestamp,
    offset_ms: i64,
) -> Result<Option<Histogram>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    Ok(log::histogram(&mut conn, &grant, search, now, offset_ms).await?)
}

/// Names of all existing hooks.
pub async fn hook_names(ctx: &OpCtx) -> Result<HashMap<HookId, String>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let all = hooks::all(&mut ctx.portal.store().read().await?, &grant).await?;
    Ok(all.into_iter().map(|hook| (hook.id, hook.name)).collect())
}

/// All existing hooks, by id.
pub async fn hooks(ctx: &OpCtx) -> Result<HashMap<HookId, Hook>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let all = hooks::all(&mut ctx.portal.store().read().await?, &grant).await?;
    Ok(all.into_iter().map(|hook| (hook.id, hook)).collect())
}

/// The number of undelivered events of all hooks, up to [`MOST_UNDELIVERED`]; `None` without the
/// permission. Every page shows it, so it is cached for [`FRESH`].
pub async fn count_undelivered(ctx: &OpCtx) -> Result<Option<i64>, Error> {
    let Ok(grant) = ctx.require(right::DeliveriesRead) else { return Ok(None) };
    let mut last = ctx.portal.undelivered.lock().await;
    if let Some((read, count)) = *last
        && read.elapsed() < FRESH
    {
        return Ok(Some(count));
    }
    let mut conn = ctx.portal.store().read().await?;
    let count = log::count_undelivered(&mut conn, &grant, MOST_UNDELIVERED).await?;
    let count = count.min(MOST_UNDELIVERED);
    *last = Some((ctx.portal.clock().stopwatch(), count));
    Ok(Some(count))
}

/// Undelivered events, per hook and cause.
pub async fn undelivered(ctx: &OpCtx) -> Result<Vec<log::Undelivered>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    Ok(log::undelivered(&mut ctx.portal.store().read().await?, &grant).await?)
}

/// Whether the log has no deliveries.
pub async fn is_empty(ctx: &OpCtx) -> Result<bool, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    Ok(log::newest(&mut ctx.portal.store().read().await?, &grant).await?.is_none())
}
