//! Jobs: sending many deliveries again. Counted before it begins, at a pace, to be paused and
//! cancelled.

use super::Error;
use crate::{
    domain::{
        health::Health,
        hook::Hook,
        id::{HookId, JobId},
        job::{Count, Job, JobState, Spread},
        page::Page,
        permission::Permission,
        time::Timestamp,
    },
    engine::{
        jobs,
        store::{self, audit, health, hooks},
    },
    portal::ctx::OpCtx,
};

pub use crate::engine::jobs::{Begin, validate_pace};

/// What it would send again: the dry run.
pub async fn count(ctx: &OpCtx, begin: &Begin) -> Result<Count, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    Ok(jobs::count(&ctx.portal.dispatcher, &grant, begin).await?)
}

/// The same, in slices of time.
pub async fn spread(ctx: &OpCtx, begin: &Begin) -> Result<Spread, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    let kept = ctx.portal.settings.retention.deliveries;
    Ok(jobs::spread(&ctx.portal.dispatcher, &grant, begin, kept).await?)
}

pub async fn begin(ctx: &OpCtx, begin: Begin) -> Result<Job, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    Ok(jobs::begin(&ctx.portal.dispatcher, grant, begin, ctx.once.clone()).await?)
}

pub async fn find(ctx: &OpCtx, id: JobId) -> Result<Job, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    store::jobs::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("job"))
}

/// A page of jobs, newest first.
pub async fn page(ctx: &OpCtx, cursor: Option<JobId>, limit: u32) -> Result<Page<Job>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let rows =
        store::jobs::page(&mut ctx.portal.store().read().await?, &grant, cursor, limit).await?;
    Ok(Page::cut(rows, limit, |job| job.id.to_string()))
}

/// The hook whose deliveries are to be sent again.
pub async fn hook(ctx: &OpCtx, id: HookId) -> Result<Hook, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    hooks::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("hook"))
}

/// How its receiver does.
pub async fn health(ctx: &OpCtx, id: HookId) -> Result<Health, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    let all = health::all(&mut ctx.portal.store().read().await?, &grant).await?;
    Ok(all.get(&id).copied().unwrap_or_default())
}

/// When a hook was switched off last, as far as its newest lines in the log say.
pub async fn off_since(ctx: &OpCtx, id: HookId) -> Result<Option<Timestamp>, Error> {
    const LINES: i64 = 50;
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    let mut conn = ctx.portal.store().read().await?;
    let lines = audit::about(&mut conn, &grant, &id.to_string(), LINES).await?;
    let is_off = |line: &&audit::Entry| {
        line.action == "hook.switched_off"
            || line.action == "hook.changed" && line.detail.contains("enabled: true -> false")
    };
    Ok(lines.iter().find(is_off).map(|line| line.at))
}

/// A job that is under way for a hook, or for all of them.
pub async fn running(ctx: &OpCtx, hook: Option<HookId>) -> Result<Option<JobId>, Error> {
    const LOOK: u32 = 50;
    let newest = page(ctx, None, LOOK).await?;
    let is_it = |job: &Job| {
        job.state == JobState::Running && (job.scope.hook.is_none() || job.scope.hook == hook)
    };
    Ok(newest.items.into_iter().find(is_it).map(|job| job.id))
}

/// Pauses, resumes or cancels a job, or changes its pace.
pub async fn update(
    ctx: &OpCtx,
    id: JobId,
    state: Option<JobState>,
    per_second: Option<i64>,
) -> Result<Job, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    Ok(jobs::update(&ctx.portal.dispatcher, grant, id, state, per_second).await?)
}
