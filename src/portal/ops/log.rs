//! Looking through the log: by what can be filtered, and by what stands in bodies.

mod text;

use std::collections::HashMap;

use super::Error;
use crate::{
    domain::{
        delivery::Delivery,
        id::{DeliveryId, HookId},
        permission::Permission,
        words::MANY,
    },
    engine::store::{
        hooks,
        log::{self, Place, Search},
    },
    portal::ctx::OpCtx,
};

/// Seconds after which whoever has too many searches waiting should ask again.
const SEARCHES_TAKE: u64 = 5;

/// A page of the log.
pub struct LogFound {
    /// Newest first.
    pub rows: Vec<Delivery>,
    pub is_more: bool,
    /// It looked no further than here, and found too little.
    pub looked: Option<DeliveryId>,
}

/// A page of the log. `text` is looked for in the bodies, which are for those who may see them.
pub async fn page(
    ctx: &OpCtx,
    search: &Search,
    text: &str,
    place: Place,
    limit: u32,
) -> Result<LogFound, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    if !text.is_empty() {
        ctx.require(Permission::PayloadsRead)?;
        let _turn = ctx
            .portal
            .searches
            .take(grant.by())
            .await
            .ok_or(Error::Busy { seconds: SEARCHES_TAKE })?;
        let mut conn = ctx.portal.store().read().await?;
        return text::holding(&mut conn, &grant, search, text, place, limit as usize).await;
    }
    let mut conn = ctx.portal.store().read().await?;
    let found = log::page(&mut conn, &grant, search, place, limit).await?;
    let mut rows = nearest_first(found.rows, place);
    let is_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Ok(LogFound { rows: nearest_first(rows, place), is_more, looked: found.looked })
}

/// Turns newest first into nearest first to where a page begins, and back.
fn nearest_first(mut rows: Vec<Delivery>, place: Place) -> Vec<Delivery> {
    if matches!(place, Place::After(_)) {
        rows.reverse();
    }
    rows
}

/// How many a search would find, counted no further than [`MANY`] and one; `None` where that is too
/// much work to say.
pub async fn count(ctx: &OpCtx, search: &Search) -> Result<Option<i64>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    Ok(log::count_up_to(&mut ctx.portal.store().read().await?, &grant, search, MANY + 1).await?)
}

/// The names of the hooks that there are.
pub async fn hook_names(ctx: &OpCtx) -> Result<HashMap<HookId, String>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let all = hooks::all(&mut ctx.portal.store().read().await?, &grant).await?;
    Ok(all.into_iter().map(|hook| (hook.id, hook.name)).collect())
}

/// Everything that failed or was skipped and nobody sent again.
pub async fn undelivered(ctx: &OpCtx) -> Result<Vec<log::Undelivered>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    Ok(log::undelivered(&mut ctx.portal.store().read().await?, &grant).await?)
}

/// Was anything ever delivered, or is it all gone?
pub async fn is_empty(ctx: &OpCtx) -> Result<bool, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    Ok(log::newest(&mut ctx.portal.store().read().await?, &grant).await?.is_none())
}
