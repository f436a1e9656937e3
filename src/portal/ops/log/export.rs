//! Exports what a search finds, up to a million deliveries. An export reads page after page, as
//! its client reads the file: it holds no read transaction meanwhile, and ends when the client
//! hangs up.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use super::Error;
use crate::{
    domain::{
        busy::Busy,
        delivery::Delivery,
        id::{EventId, HookId},
        permission::{Grant, right},
    },
    engine::store::{
        audit, events,
        log::{Place, Search},
    },
    portal::{auth::rate_limit::QueuePermit, ctx::OpCtx},
    view::words::deliveries::DELETED_HOOK,
};

/// Most deliveries of one export.
pub const MAX_ROWS: usize = 1_000_000;
/// Deliveries that are read at a time, and bytes of payloads.
const PAGE: u32 = 500;
const PAGE_BYTES: usize = 1024 * 1024;
/// How long an export waits for those of other users before it is refused.
const PATIENCE: Duration = Duration::from_secs(5);
/// `Retry-After` in seconds.
const RETRY: u64 = 10;

/// What to export.
pub struct Wanted {
    pub search: Search,
    /// Text in payloads; empty: any.
    pub text: String,
    pub with_payloads: bool,
    /// For the audit log: the format and the filters, without the searched text.
    pub detail: String,
}

/// An exported delivery.
pub struct ExportRow {
    pub delivery: Delivery,
    pub hook: String,
    /// Empty if retention removed it; `None` if payloads are not exported.
    pub payload: Option<Vec<u8>>,
}

/// A running export.
pub struct Export {
    ctx: OpCtx,
    wanted: Wanted,
    payloads: Option<Grant<right::PayloadsRead>>,
    names: HashMap<HookId, String>,
    /// Where the next page begins; `None` after the last one.
    place: Option<Place>,
    rows: VecDeque<Delivery>,
    remaining: usize,
    _permit: QueuePermit,
}

/// Checks the permissions, notes the export in the audit log and starts it. A user has one export
/// at a time.
pub async fn start(ctx: &OpCtx, wanted: Wanted) -> Result<Export, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let payloads =
        if wanted.with_payloads { Some(ctx.require(right::PayloadsRead)?) } else { None };
    if !wanted.text.is_empty() {
        ctx.require(right::PayloadsRead)?;
    }
    let permit = tokio::time::timeout(PATIENCE, ctx.portal.exports.take(ctx.limited_as())).await;
    let busy = Error::Busy { reason: Busy::Exports, seconds: RETRY };
    let Ok(Some(permit)) = permit else { return Err(busy) };
    let names = super::hook_names(ctx).await?;
    let (clock, detail) = (ctx.portal.clock().clone(), wanted.detail.clone());
    let action = "deliveries.exported";
    let target = wanted.search.hook.map_or(action.to_owned(), |hook| hook.to_string());
    let noted: Result<(), crate::engine::store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(
                async move { audit::note(conn, &clock, &grant, action, &target, &detail).await },
            )
        })
        .await;
    noted?;
    Ok(Export {
        ctx: ctx.clone(),
        wanted,
        payloads,
        names,
        place: Some(Place::Newest),
        rows: VecDeque::new(),
        remaining: MAX_ROWS,
        _permit: permit,
    })
}

impl Export {
    /// The next deliveries; `None` after the last one. May be empty in between: a page that finds
    /// nothing is followed by others.
    pub async fn next(&mut self) -> Result<Option<Vec<ExportRow>>, Error> {
        if self.rows.is_empty() {
            let Some(place) = self.place.filter(|_| self.remaining > 0) else { return Ok(None) };
            self.read(place).await?;
        }
        let Some(grant) = &self.payloads else {
            let rows = std::mem::take(&mut self.rows);
            return Ok(Some(rows.into_iter().map(|delivery| self.row(delivery, None)).collect()));
        };
        if self.rows.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let ids: Vec<EventId> = self.rows.iter().map(|delivery| delivery.event_id).collect();
        let mut conn = self.ctx.portal.store().read().await?;
        let (count, bodies) = events::bodies_within(&mut conn, grant, &ids, PAGE_BYTES).await?;
        drop(conn);
        let rows: Vec<Delivery> = self.rows.drain(..count.min(ids.len())).collect();
        let with_body = |delivery: Delivery| {
            let body = bodies.get(&delivery.event_id).cloned().unwrap_or_default();
            self.row(delivery, Some(body))
        };
        Ok(Some(rows.into_iter().map(with_body).collect()))
    }

    async fn read(&mut self, place: Place) -> Result<(), Error> {
        let Wanted { search, text, .. } = &self.wanted;
        let mut found = super::page(&self.ctx, search, text, place, PAGE).await?;
        let last = found.rows.last().map(|delivery| delivery.id);
        let next = if found.is_more { last } else { found.looked };
        self.place = next.map(Place::Before);
        found.rows.truncate(self.remaining);
        self.remaining -= found.rows.len();
        self.rows = found.rows.into();
        Ok(())
    }

    fn row(&self, delivery: Delivery, payload: Option<Vec<u8>>) -> ExportRow {
        let hook = self.names.get(&delivery.hook_id).cloned();
        ExportRow { hook: hook.unwrap_or_else(|| DELETED_HOOK.to_owned()), delivery, payload }
    }
}
