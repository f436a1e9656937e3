//! Looking through the log: by what can be filtered, and by what stands in bodies.

use std::collections::HashMap;

use super::Error;
use crate::{
    domain::{
        delivery::Delivery,
        id::{DeliveryId, EventId, HookId},
        permission::{Grant, Permission},
        words::MANY,
    },
    engine::store::{
        Conn, events, hooks,
        log::{self, Place, Search},
    },
    server::ctx::OpCtx,
};

/// Bodies that a page reads through at most: so many, and so many bytes of them.
const TEXT_ROWS: usize = 2000;
const TEXT_BYTES: usize = 8 * 1024 * 1024;
/// How many of them at once.
const CHUNK: u32 = 250;

/// A page of the log.
pub struct LogFound {
    /// Newest first.
    pub rows: Vec<Delivery>,
    pub is_more: bool,
    /// It looked no further than here, and found too little.
    pub looked: Option<DeliveryId>,
}

/// A page of the log. `text` is looked for in the bodies, which are for those who may see them.
pub async fn page(ctx: &OpCtx, search: &Search, text: &str, place: Place, limit: u32) -> Result<LogFound, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    if !text.is_empty() {
        ctx.require(Permission::PayloadsRead)?;
        return holding(&mut conn, &grant, search, text, place, limit as usize).await;
    }
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

/// Those whose bodies hold a text, whatever its case. Says how far it looked when that was all it may.
async fn holding(
    conn: &mut Conn,
    grant: &Grant,
    search: &Search,
    text: &str,
    begin: Place,
    limit: usize,
) -> Result<LogFound, Error> {
    let (mut rows, mut read, mut bytes) = (Vec::new(), 0, 0);
    let mut place = begin;
    loop {
        let found = log::page(conn, grant, search, place, CHUNK).await?;
        let mut chunk = nearest_first(found.rows, begin);
        let is_last = chunk.len() <= CHUNK as usize && found.looked.is_none();
        chunk.truncate(CHUNK as usize);
        let ids: Vec<EventId> = chunk.iter().map(|delivery| delivery.event_id).collect();
        let bodies = events::bodies(conn, grant, &ids).await?;
        let mut looked = found.looked;
        for delivery in chunk {
            let body = bodies.get(&delivery.event_id).map(Vec::as_slice).unwrap_or_default();
            (read, bytes) = (read + 1, bytes + body.len());
            looked = Some(delivery.id);
            if holds(body, text.as_bytes()) {
                if rows.len() == limit {
                    return Ok(LogFound { rows: nearest_first(rows, begin), is_more: true, looked: None });
                }
                rows.push(delivery);
            }
        }
        let is_enough = read >= TEXT_ROWS || bytes >= TEXT_BYTES;
        if is_last || is_enough {
            let looked = looked.filter(|_| !is_last);
            return Ok(LogFound { rows: nearest_first(rows, begin), is_more: false, looked });
        }
        let next = looked.or(found.looked).unwrap_or(DeliveryId(uuid::Uuid::nil()));
        place = if matches!(begin, Place::After(_)) { Place::After(next) } else { Place::Before(next) };
    }
}

/// Does a body hold these bytes, letters of either case?
fn holds(body: &[u8], text: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else { return true };
    let is_first = |byte: &u8| byte.eq_ignore_ascii_case(first);
    let mut from = 0;
    while let Some(at) = body[from..].iter().position(is_first) {
        let after = from + at + 1;
        if body.get(after..after + rest.len()).is_some_and(|found| found.eq_ignore_ascii_case(rest)) {
            return true;
        }
        from = after;
    }
    false
}

/// How many a search would find, counted no further than [`MANY`] and one; `None` where that is too much work to say.
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

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn a_text_is_found_wherever_it_stands_and_whatever_its_case() {
        let body = br#"{"queue": "Sales", "ab": "aab"}"#;
        for text in ["sales", "SALES", "\"queue\": \"S", "aab", "}", "{"] {
            assert!(holds(body, text.as_bytes()), "{text}");
        }
        for text in ["salesx", "aabb", "\"}x"] {
            assert!(!holds(body, text.as_bytes()), "{text}");
        }
        assert!(!holds(b"", b"a"));
        assert!(!holds(b"\xff\xfe", "é".as_bytes()));
    }
}
