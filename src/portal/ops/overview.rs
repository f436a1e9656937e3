//! The list of hooks: each with its status and its last 24 hours; filtered, sorted and paged. The
//! figures above the list are in [`mod@figures`].

mod figures;

use std::{cmp::Reverse, collections::HashMap};

pub use figures::{Figures, figures};

use super::{
    Error,
    names::{NameKey, folded},
};
use crate::{
    domain::{
        event::EventType,
        health::Health,
        hook::Hook,
        hook_query::{HookQuery, Sort, Status},
        hook_status::HookStatus,
        id::{HookId, time_of},
        measured::{Durations, Hour, Outcomes},
        permission::{Grant, Implies, right},
        time::Timestamp,
    },
    engine::store::{
        self,
        db::Conn,
        deliveries, hooks,
        measured::{self, LastAttempts},
    },
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
    /// Unknown without `deliveries:read`, like everything below.
    pub last: LastAttempts,
    /// Outcomes of the last 24 hours, the current one last.
    pub day: Vec<Outcomes>,
    /// Response times of the last 24 hours.
    pub durations: Durations,
    /// Deliveries that wait for a paused or switched-off hook, counted up to
    /// [`MANY`](crate::domain::words::MANY).
    pub held: i64,
    /// When the oldest of them was accepted.
    pub held_since: Option<Timestamp>,
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
    /// `None` without `deliveries:read`.
    pub figures: Option<Figures>,
}

pub async fn read(ctx: &OpCtx, query: &HookQuery) -> Result<Overview, Error> {
    let rows = all(ctx).await?;
    let figures = figures(ctx, &rows).await?;
    let total = rows.len();
    let statuses = rows.iter().map(|row| row.status).collect();
    let has_hook = |event: &EventType| rows.iter().any(|row| row.hook.event_type == *event);
    let without_hook: Vec<EventType> =
        EventType::ALL.iter().copied().filter(|event| !has_hook(event)).collect();
    let wanted = folded(&query.text);
    let shows_events = matches!(query.status, Status::All | Status::NotSetUp);
    let fits_event =
        |event: &EventType| shows_events && contains(&wanted, [event.name(), event.key()]);
    let not_set_up = without_hook.into_iter().filter(fits_event).collect();
    let mut rows: Vec<Row> =
        rows.into_iter().filter(|row| matches_query(row, query, &wanted)).collect();
    sort(&mut rows, query.sort);
    let found = rows.len();
    let pages = found.div_ceil(PER_PAGE).max(1);
    let page = query.page.clamp(1, pages);
    let mut rows: Vec<Row> = rows.into_iter().skip((page - 1) * PER_PAGE).take(PER_PAGE).collect();
    count_held(ctx, &mut rows).await?;
    Ok(Overview { rows, not_set_up, total, found, pages, page, statuses, figures })
}

/// All hooks that match, on whatever page, for an action on all of them.
pub async fn matching(ctx: &OpCtx, query: &HookQuery) -> Result<Vec<Hook>, Error> {
    let wanted = folded(&query.text);
    let mut rows = all(ctx).await?;
    rows.retain(|row| matches_query(row, query, &wanted));
    sort(&mut rows, query.sort);
    Ok(rows.into_iter().map(|row| row.hook).collect())
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
    let only = if let [hook] = hooks.as_slice() { Some(hook.id) } else { None };
    let statuses = Statuses::read(ctx, &mut conn, &grant, only).await?;
    let mut known = match ctx.require(right::DeliveriesRead) {
        Ok(grant) => Some(Known::read(&mut conn, &grant, only, statuses.now).await?),
        Err(_) => None,
    };
    let row = |hook: Hook| {
        let mut row = Row {
            health: statuses.health.get(&hook.id).copied().unwrap_or_default(),
            status: statuses.of(&hook),
            hook,
            last: LastAttempts::default(),
            day: Vec::new(),
            durations: Durations::default(),
            held: 0,
            held_since: None,
        };
        if let Some(known) = &mut known {
            let id = row.hook.id;
            row.last = known.last.get(&id).copied().unwrap_or_default();
            row.day = known.days.remove(&id).unwrap_or_else(|| vec![Outcomes::default(); DAY]);
            row.durations = known.durations.remove(&id).unwrap_or_default();
        }
        row
    };
    Ok(hooks.into_iter().map(row).collect())
}

/// What statuses follow from. The same for all readers, for pages and for the API.
pub struct Statuses {
    pub health: HashMap<HookId, Health>,
    days: HashMap<HookId, Outcomes>,
    now: Timestamp,
}

impl Statuses {
    /// Of all hooks; with `only`, of that hook.
    pub(super) async fn read(
        ctx: &OpCtx,
        conn: &mut Conn,
        grant: &Grant<impl Implies<right::HooksRead>>,
        only: Option<HookId>,
    ) -> Result<Self, Error> {
        let now = ctx.portal.clock().now();
        let health = store::health::all(conn, grant).await?;
        let days = measured::outcomes_since(conn, grant, only, first_hour(now)).await?;
        Ok(Self { health, days, now })
    }

    pub fn of(&self, hook: &Hook) -> HookStatus {
        let health = self.health.get(&hook.id).copied().unwrap_or_default();
        let day = self.days.get(&hook.id).copied().unwrap_or_default();
        HookStatus::of(hook, &health, &day, self.now)
    }
}

/// The first of the last 24 hours.
pub(super) fn first_hour(now: Timestamp) -> Hour {
    Hour::of(now).back(DAY as i64 - 1)
}

/// What readers of deliveries know about hooks.
struct Known {
    last: HashMap<HookId, LastAttempts>,
    days: HashMap<HookId, Vec<Outcomes>>,
    durations: HashMap<HookId, Durations>,
}

impl Known {
    async fn read(
        conn: &mut Conn,
        grant: &Grant<right::DeliveriesRead>,
        only: Option<HookId>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let first = first_hour(now);
        let last = measured::last_attempts(conn, grant, only).await?;
        let mut days: HashMap<HookId, Vec<Outcomes>> = HashMap::new();
        for counted in measured::since(conn, grant, only, first).await? {
            let day = days.entry(counted.hook_id).or_insert_with(|| vec![Outcomes::default(); DAY]);
            // After the clock was set back there may be hours in the future: they have no column.
            if let Some(hour) =
                usize::try_from(counted.hour.0 - first.0).ok().and_then(|at| day.get_mut(at))
            {
                hour.add(&counted.class, counted.count);
            }
        }
        let mut durations: HashMap<HookId, Durations> = HashMap::new();
        for (hook, bucket, count) in measured::latencies_of_all(conn, grant, first).await? {
            durations.entry(hook).or_default().add(bucket, count);
        }
        Ok(Self { last, days, durations })
    }
}

/// The sum over all hours.
pub fn sum(hours: &[Outcomes]) -> Outcomes {
    hours.iter().fold(Outcomes::default(), |sum, hour| Outcomes {
        succeeded: sum.succeeded + hour.succeeded,
        failed: sum.failed + hour.failed,
    })
}

fn matches_query(row: &Row, query: &HookQuery, wanted: &str) -> bool {
    let event = row.hook.event_type;
    let texts = [row.hook.name.as_str(), &row.hook.callback_url, event.name(), event.key()];
    query.status.matches(row.status) && contains(wanted, texts)
}

/// `wanted` is folded.
fn contains<const N: usize>(wanted: &str, texts: [&str; N]) -> bool {
    wanted.is_empty() || texts.iter().any(|text| folded(text).contains(wanted))
}

fn sort(rows: &mut [Row], by: Sort) {
    rows.sort_by_cached_key(|row| (NameKey::of(&row.hook.name), row.hook.id));
    // Stable: hooks that are equal stay in the order of their names.
    match by {
        Sort::Event => rows.sort_by_key(|row| row.hook.event_type),
        Sort::Name => {}
        Sort::Status => rows.sort_by_key(|row| row.status),
        Sort::Last => rows.sort_by_key(|row| Reverse(row.last.success)),
        Sort::Rate => rows.sort_by_cached_key(|row| {
            let day = sum(&row.day);
            // Without attempts last; a millionth is exact enough.
            (day.total() == 0, day.succeeded * 1_000_000 / day.total().max(1))
        }),
        Sort::Slow => rows.sort_by_cached_key(|row| Reverse(row.durations.quantile(0.95))),
    }
}

async fn count_held(ctx: &OpCtx, rows: &mut [Row]) -> Result<(), Error> {
    let Ok(grant) = ctx.require(right::DeliveriesRead) else { return Ok(()) };
    let mut conn = ctx.portal.store().read().await?;
    for row in rows.iter_mut().filter(|row| !row.hook.enabled || row.health.paused.is_some()) {
        row.held = deliveries::count_held(&mut conn, &grant, row.hook.id).await?;
        let oldest = deliveries::oldest_held(&mut conn, &grant, Some(row.hook.id)).await?;
        row.held_since = oldest.map(|id| time_of(id.0));
    }
    Ok(())
}
