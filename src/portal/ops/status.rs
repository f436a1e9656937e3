//! How the portal itself does: the engine, what waits, the balance, the database, the disk.

use std::time::Duration;

use super::{Error, overview};
use crate::{
    domain::{
        hook_query::HookQuery,
        liveness::Overdue,
        permission::{Actor, Permission},
        standing::Standing,
        time::Timestamp,
        words::grouped,
    },
    engine::{
        config::Settings,
        dispatcher::ready::Component,
        pressure::Weight,
        store::{
            self,
            balance::{self, Balance},
            claim::{self, Listed},
            fit,
            space::About,
        },
    },
    portal::ctx::{OpCtx, Portal},
};

/// The balance counts every row: it is not counted anew more often than this, and takes one part in
/// so many of the time.
const FRESH: Duration = Duration::from_secs(15);
const SHARE: u32 = 50;

/// What was found.
pub struct Status {
    pub waiting: i64,
    pub waiting_bytes: i64,
    /// Since when the oldest that is due waits for its first attempt.
    pub oldest: Option<Timestamp>,
    /// Nothing more is accepted.
    pub is_full: bool,
    /// The parts of the engine, and which of them do not work.
    pub components: Vec<Component>,
    /// Hooks for which too much waits: what comes for them is skipped.
    pub full_hooks: usize,
    pub balance: Balance,
    /// Hooks that make no attempt although something of them is due.
    pub overdue: Vec<Overdue>,
    pub database: About,
    /// How long the database took to answer.
    pub answered_in: Duration,
    /// Free and all bytes of the disk that the data is on, where that can be asked.
    pub disk: Option<(u64, u64)>,
    /// Bytes that the disk holds in reserve; `None` for PostgreSQL.
    pub reserve: Option<u64>,
    pub hooks: Vec<(Standing, usize)>,
    /// By how many milliseconds this server's clock is ahead of the database's, by which all times
    /// go; `None` where there is only one clock.
    pub skew: Option<i64>,
    /// The servers that share the database.
    pub nodes: Vec<Listed>,
    pub settings: Settings,
    pub started_at: Timestamp,
    pub now: Timestamp,
}

pub async fn read(ctx: &OpCtx) -> Result<Status, Error> {
    let grant = ctx.require(Permission::SystemRead)?;
    let portal = &ctx.portal;
    let watch = portal.clock().stopwatch();
    let database = portal.store().about().await?;
    let answered_in = watch.elapsed();
    let Weight { deliveries: waiting, bytes: waiting_bytes, oldest } = portal.dispatcher.waiting();
    // The engine's own numbers: whoever sees the system's status need not see each hook.
    let itself = OpCtx::portal_itself(portal.clone());
    let rows = overview::read(&itself, &HookQuery::default()).await?;
    let counted = |standing: &Standing| {
        (*standing, rows.standings.iter().filter(|known| *known == standing).count())
    };
    Ok(Status {
        waiting,
        waiting_bytes,
        oldest,
        is_full: portal.dispatcher.too_much().is_some(),
        components: portal.dispatcher.components().await,
        full_hooks: portal.dispatcher.full().len(),
        balance: balance(portal).await?,
        overdue: portal.dispatcher.overdue(),
        database,
        answered_in,
        disk: fit::space(&portal.settings.data_dir),
        reserve: portal.store().reserve_held(),
        skew: portal.clock().skew(),
        nodes: claim::listed(&mut portal.store().read().await?, &grant).await?,
        hooks: Standing::ALL.iter().map(counted).collect(),
        settings: portal.settings.clone(),
        started_at: portal.started_at,
        now: portal.clock().now(),
    })
}

/// How far a clock is from the database's.
pub fn skew_in_words(skew: i64) -> String {
    let side = if skew < 0 { "behind" } else { "ahead of" };
    format!("{} ms {side} the database's", grouped(skew.abs()))
}

/// Both sides of the equation, at most a quarter of a minute old; older where counting takes long.
pub async fn balance(portal: &Portal) -> Result<Balance, store::Error> {
    let mut last = portal.balance.lock().await;
    if let Some((read, fresh, balance)) = last.as_ref()
        && read.elapsed() < *fresh
    {
        return Ok(balance.clone());
    }
    let grant =
        Actor::portal().require(Permission::SystemRead).map_err(|_| store::Error::Closed)?;
    let watch = portal.clock().stopwatch();
    let read = balance::read(&mut portal.store().read().await?, &grant).await?;
    *last = Some((portal.clock().stopwatch(), FRESH.max(watch.elapsed() * SHARE), read.clone()));
    Ok(read)
}
