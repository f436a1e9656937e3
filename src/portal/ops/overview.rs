//! The list of hooks: each with its status and its last 24 hours; filtered, sorted and paged.

use std::collections::HashMap;

use super::Error;
use crate::{
    domain::{
        delivery::Delivery,
        event::EventType,
        health::Health,
        hook::Hook,
        hook_query::{HookQuery, Sort, Status},
        hook_status::HookStatus,
        id::HookId,
        measured::{Hour, Outcomes},
        permission::right,
    },
    engine::store::{self, deliveries, hooks, measured},
    portal::ctx::OpCtx,
};

/// Hooks per page.
const PER_PAGE: usize = 50;
/// Hours in a row's chart.
pub const DAY: usize = 24;

/// One row of the list.
#[derive(Clone)]
pub struct Row {
    pub hook: Hook,
    pub health: Health,
    pub status: HookStatus,
    pub last: Option<Delivery>,
    /// Outcomes of the last 24 hours, the current one last. Empty without `deliveries:read`.
    pub day: Vec<Outcomes>,
    /// Deliveries that wait for a paused or switched-off hook, counted up to
    /// [`MANY`](crate::domain::words::MANY).
    pub held: i64,
}

/// A page of the list.
pub struct Overview {
    /// The rows of this page, sorted.
    pub rows: Vec<Row>,
    /// Event types without a hook, which the first page lists too.
    pub not_set_up: Vec<EventType>,
    /// Number of all hooks, of matching hooks, and of pages.
    pub total: usize,
    pub found: usize,
    pub pages: usize,
    /// The number of this page, from 1.
    pub page: usize,
    /// The statuses of all hooks.
    pub statuses: Vec<HookStatus>,
}

pub async fn read(ctx: &OpCtx, query: &HookQuery) -> Result<Overview, Error> {
    let rows = all(ctx).await?;
    let total = rows.len();
    let statuses = rows.iter().map(|row| row.status).collect();
    let has_hook = |event: &EventType| rows.iter().any(|row| row.hook.event_type == *event);
    let without_hook: Vec<EventType> =
        EventType::ALL.iter().copied().filter(|event| !has_hook(event)).collect();
    let shows_events = matches!(query.status, Status::All | Status::NotSetUp);
    let fits_event =
        |event: &EventType| shows_events && contains(&query.text, [event.name(), event.key()]);
    let not_set_up = without_hook.into_iter().filter(fits_event).collect();
    let mut rows: Vec<Row> = rows.into_iter().filter(|row| matches_query(row, query)).collect();
    sort(&mut rows, query.sort);
    let found = rows.len();
    let pages = found.div_ceil(PER_PAGE).max(1);
    let page = query.page.clamp(1, pages);
    let mut rows: Vec<Row> = rows.into_iter().skip((page - 1) * PER_PAGE).take(PER_PAGE).collect();
    count_held(ctx, &mut rows).await?;
    Ok(Overview { rows, not_set_up, total, found, pages, page, statuses })
}

/// One hook as a row of the list.
pub async fn find(ctx: &OpCtx, id: HookId) -> Result<Row, Error> {
    let grant = ctx.require(right::HooksRead)?;
    let hook = hooks::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("hook"))?;
    let mut rows = rows(ctx, vec![hook]).await?;
    count_held(ctx, &mut rows).await?;
    rows.pop().ok_or(Error::NotFound("hook"))
}

/// Rows of all hooks.
async fn all(ctx: &OpCtx) -> Result<Vec<Row>, Error> {
    let grant = ctx.require(right::HooksRead)?;
    let hooks = hooks::all(&mut ctx.portal.store().read().await?, &grant).await?;
    rows(ctx, hooks).await
}

async fn rows(ctx: &OpCtx, hooks: Vec<Hook>) -> Result<Vec<Row>, Error> {
    let grant = ctx.require(right::HooksRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let health = store::health::all(&mut conn, &grant).await?;
    let only = if let [hook] = hooks.as_slice() { Some(hook.id) } else { None };
    let log_grant = ctx.require(right::DeliveriesRead).ok();
    let mut newest: HashMap<HookId, Delivery> = HashMap::new();
    let mut days: HashMap<HookId, Vec<Outcomes>> = HashMap::new();
    if let Some(grant) = &log_grant {
        newest.extend(
            deliveries::newest_per_hook(&mut conn, grant, only)
                .await?
                .into_iter()
                .map(|row| (row.hook_id, row)),
        );
        let first = Hour::of(ctx.portal.clock().now()).back(DAY as i64 - 1);
        for counted in measured::since(&mut conn, grant, only, first).await? {
            let day = days.entry(counted.hook_id).or_insert_with(|| vec![Outcomes::default(); DAY]);
            // After the clock was set back there may be hours in the future: they have no column.
            if let Some(hour) =
                usize::try_from(counted.hour.0 - first.0).ok().and_then(|at| day.get_mut(at))
            {
                hour.add(&counted.class, counted.count);
            }
        }
    }
    let row = |hook: Hook| {
        let health = health.get(&hook.id).copied().unwrap_or_default();
        let day = days.remove(&hook.id).unwrap_or_else(|| {
            if log_grant.is_some() { vec![Outcomes::default(); DAY] } else { Vec::new() }
        });
        let status = HookStatus::of(&hook, &health, &sum(&day));
        Row { last: newest.remove(&hook.id), hook, health, status, day, held: 0 }
    };
    Ok(hooks.into_iter().map(row).collect())
}

/// The sum over all hours.
pub fn sum(hours: &[Outcomes]) -> Outcomes {
    hours.iter().fold(Outcomes::default(), |sum, hour| Outcomes {
        succeeded: sum.succeeded + hour.succeeded,
        failed: sum.failed + hour.failed,
    })
}

fn matches_query(row: &Row, query: &HookQuery) -> bool {
    let event = row.hook.event_type;
    let texts = [row.hook.name.as_str(), &row.hook.callback_url, event.name(), event.key()];
    query.status.matches(row.status) && contains(&query.text, texts)
}

fn contains<const N: usize>(wanted: &str, texts: [&str; N]) -> bool {
    let wanted = wanted.to_lowercase();
    texts.iter().any(|text| text.to_lowercase().contains(&wanted))
}

fn sort(rows: &mut [Row], by: Sort) {
    match by {
        Sort::Event => rows.sort_by_key(|row| (row.hook.event_type, row.hook.id)),
        Sort::Name => rows.sort_by_cached_key(|row| (row.hook.name.to_lowercase(), row.hook.id)),
        Sort::Status => rows.sort_by_cached_key(|row| (row.status, row.hook.name.to_lowercase())),
        Sort::Last => {
            rows.sort_by_key(|row| std::cmp::Reverse(row.last.as_ref().map(|last| last.created_at)))
        }
    }
}

async fn count_held(ctx: &OpCtx, rows: &mut [Row]) -> Result<(), Error> {
    let Ok(grant) = ctx.require(right::DeliveriesRead) else { return Ok(()) };
    let mut conn = ctx.portal.store().read().await?;
    for row in rows.iter_mut().filter(|row| !row.hook.enabled || row.health.paused.is_some()) {
        row.held = deliveries::count_held(&mut conn, &grant, row.hook.id).await?;
    }
    Ok(())
}
