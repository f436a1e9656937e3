//! The status of the portal itself: engine, backlog, balance, database, disk, nodes.

use std::time::Duration;

use super::{Error, overview};
use crate::{
    domain::{
        hook_query::HookQuery,
        hook_status::HookStatus,
        liveness::Overdue,
        permission::{Actor, right},
        time::Timestamp,
    },
    engine::{
        config::Settings,
        dispatcher::ready::Component,
        pressure::Backlog,
        store::{
            self,
            balance::{self, Balance},
            claim::{self, NodeStatus},
            fit,
            space::About,
        },
    },
    portal::ctx::{OpCtx, Portal},
};

/// Reading the balance counts every row: it is cached for at least this long, and reading takes at
/// most one part in `SHARE` of the time.
const FRESH: Duration = Duration::from_secs(15);
const SHARE: u32 = 50;

/// The status at `now`.
pub struct Status {
    pub waiting: i64,
    pub waiting_bytes: i64,
    /// Since when the oldest due delivery has waited for its first attempt.
    pub oldest: Option<Timestamp>,
    /// The backlog limit is reached: new events are rejected.
    pub is_full: bool,
    /// The engine's components, and whether each works.
    pub components: Vec<Component>,
    /// Hooks whose own backlog limit is reached: new deliveries for them are skipped.
    pub full_hooks: usize,
    pub balance: Balance,
    /// Hooks with due deliveries but without an attempt within their bound.
    pub overdue: Vec<Overdue>,
    pub database: About,
    /// Response time of the database.
    pub answered_in: Duration,
    /// Free and total bytes of the data directory's disk, if known.
    pub disk: Option<(u64, u64)>,
    /// Bytes of the disk reserve; `None` for PostgreSQL.
    pub reserve: Option<u64>,
    pub hooks: Vec<(HookStatus, usize)>,
    /// Milliseconds by which this server's clock is ahead of the database's, which is
    /// authoritative; `None` if there is only one clock.
    pub skew: Option<i64>,
    /// The nodes that share the database.
    pub nodes: Vec<NodeStatus>,
    pub settings: Settings,
    pub started_at: Timestamp,
    pub now: Timestamp,
}

pub async fn read(ctx: &OpCtx) -> Result<Status, Error> {
    let grant = ctx.require(right::SystemRead)?;
    let portal = &ctx.portal;
    let watch = portal.clock().stopwatch();
    let database = portal.store().about().await?;
    let answered_in = watch.elapsed();
    let Backlog { deliveries: waiting, bytes: waiting_bytes, oldest } = portal.dispatcher.backlog();
    // Counts per status need no permission for the single hooks.
    let system = OpCtx::portal_itself(portal.clone());
    let rows = overview::read(&system, &HookQuery::default()).await?;
    let count = |status: &HookStatus| {
        (*status, rows.statuses.iter().filter(|known| *known == status).count())
    };
    Ok(Status {
        waiting,
        waiting_bytes,
        oldest,
        is_full: portal.dispatcher.overload().is_some(),
        components: portal.dispatcher.components().await,
        full_hooks: portal.dispatcher.full().len(),
        balance: balance(portal).await?,
        overdue: portal.dispatcher.overdue(),
        database,
        answered_in,
        disk: fit::space(&portal.settings.data_dir),
        reserve: portal.store().reserve_bytes(),
        skew: portal.clock().skew(),
        nodes: claim::list_nodes(&mut portal.store().read().await?, &grant).await?,
        hooks: HookStatus::ALL.iter().map(count).collect(),
        settings: portal.settings.clone(),
        started_at: portal.started_at,
        now: portal.clock().now(),
    })
}

/// The balance, cached for at least [`FRESH`]; longer if counting takes long.
pub async fn balance(portal: &Portal) -> Result<Balance, store::Error> {
    let mut last = portal.balance.lock().await;
    if let Some((read, fresh, balance)) = last.as_ref()
        && read.elapsed() < *fresh
    {
        return Ok(balance.clone());
    }
    let grant = Actor::portal().require(right::SystemRead).map_err(|_| store::Error::Closed)?;
    let watch = portal.clock().stopwatch();
    let read = balance::read(&mut portal.store().read().await?, &grant).await?;
    *last = Some((portal.clock().stopwatch(), FRESH.max(watch.elapsed() * SHARE), read.clone()));
    Ok(read)
}
