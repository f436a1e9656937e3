//! Jobs: bulk redelivery with a preview, a rate limit, pause and cancel.

use super::{
    Error,
    once::{self, Action, Identified, Outcome},
};
use crate::{
    domain::{
        health::Health,
        hook::Hook,
        id::{HookId, JobId},
        job::{Count, Job, JobState, Spread},
        job_results::JobResults,
        page::Page,
        permission::right,
        time::Timestamp,
    },
    engine::{
        jobs,
        store::{self, audit, health, hooks, job_results},
    },
    portal::ctx::OpCtx,
};

pub use crate::engine::jobs::{Begin, validate_pace};

/// Dry run: the number of deliveries that the job would send.
pub async fn count(ctx: &OpCtx, begin: &Begin) -> Result<Count, Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    Ok(jobs::count(&ctx.portal.dispatcher, &grant, begin).await?)
}

/// Dry run by time slices, for the chart.
pub async fn spread(ctx: &OpCtx, begin: &Begin) -> Result<Spread, Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    let kept = ctx.portal.settings.retention.deliveries;
    Ok(jobs::spread(&ctx.portal.dispatcher, &grant, begin, kept).await?)
}

pub async fn begin(ctx: &OpCtx, begin: Begin) -> Result<Job, Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    Ok(jobs::begin(&ctx.portal.dispatcher, grant, begin, ctx.once.clone()).await?)
}

impl Identified for Job {
    fn id(&self) -> impl std::fmt::Display {
        self.id
    }
}

/// The same from a form whose button may be pressed twice: with the form's nonce, one job begins,
/// and the second request gets that one.
pub async fn begin_once(
    ctx: &OpCtx,
    nonce: Option<String>,
    begin_with: Begin,
) -> Result<Job, Error> {
    ctx.require(right::DeliveriesReplay)?;
    let Some(nonce) = nonce else { return begin(ctx, begin_with).await };
    let action = Action::new(ctx, "jobs/begin", nonce.as_bytes());
    let begun = once::act(ctx, &action, move |ctx| async move { begin(&ctx, begin_with).await });
    match begun.await? {
        Outcome::Now(job) => Ok(job),
        Outcome::Before(job) => find(ctx, job.parse().map_err(|_| Error::NotFound("job"))?).await,
    }
}

pub async fn find(ctx: &OpCtx, id: JobId) -> Result<Job, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    store::jobs::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("job"))
}

/// A job with what became of the deliveries that it redelivered. Also for those who may only
/// redeliver: it is their job.
pub async fn with_results(ctx: &OpCtx, job: Job) -> Result<(Job, JobResults), Error> {
    let mut conn = ctx.portal.store().read().await?;
    let results = match ctx.require(right::DeliveriesRead) {
        Ok(grant) => job_results::of(&mut conn, &grant, &job).await?,
        Err(_) => {
            let grant = ctx.require(right::DeliveriesReplay)?;
            job_results::of(&mut conn, &grant, &job).await?
        }
    };
    Ok((job, results))
}

/// A page of jobs with their results, newest first.
pub async fn page_with_results(
    ctx: &OpCtx,
    cursor: Option<JobId>,
    limit: u32,
) -> Result<Page<(Job, JobResults)>, Error> {
    let Page { items, next_cursor } = page(ctx, cursor, limit).await?;
    let mut jobs = Vec::with_capacity(items.len());
    for job in items {
        jobs.push(with_results(ctx, job).await?);
    }
    Ok(Page { items: jobs, next_cursor })
}

/// A page of jobs, newest first.
pub async fn page(ctx: &OpCtx, cursor: Option<JobId>, limit: u32) -> Result<Page<Job>, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let rows =
        store::jobs::page(&mut ctx.portal.store().read().await?, &grant, cursor, limit).await?;
    Ok(Page::cut(rows, limit, |job| job.id.to_string()))
}

/// The hook whose deliveries a job would send.
pub async fn hook(ctx: &OpCtx, id: HookId) -> Result<Hook, Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    hooks::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("hook"))
}

/// The health of that hook.
pub async fn health(ctx: &OpCtx, id: HookId) -> Result<Health, Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    let all = health::all(&mut ctx.portal.store().read().await?, &grant).await?;
    Ok(all.get(&id).copied().unwrap_or_default())
}

/// When a hook was last switched off, if that is among its newest audit entries.
pub async fn off_since(ctx: &OpCtx, id: HookId) -> Result<Option<Timestamp>, Error> {
    const LINES: i64 = 50;
    let grant = ctx.require(right::DeliveriesReplay)?;
    let mut conn = ctx.portal.store().read().await?;
    let lines = audit::for_hook(&mut conn, &grant, id, LINES).await?;
    let is_off = |line: &&audit::Entry| {
        line.action == "hook.switched_off"
            || line.action == "hook.changed" && line.detail.contains("enabled: true -> false")
    };
    Ok(lines.iter().find(is_off).map(|line| line.at))
}

/// A running job that covers this hook.
pub async fn running(ctx: &OpCtx, hook: Option<HookId>) -> Result<Option<JobId>, Error> {
    const NEWEST: u32 = 50;
    let newest = page(ctx, None, NEWEST).await?;
    let covers_hook = |job: &Job| {
        job.state == JobState::Running && (job.scope.hook.is_none() || job.scope.hook == hook)
    };
    Ok(newest.items.into_iter().find(covers_hook).map(|job| job.id))
}

/// Pauses, resumes or cancels a job, or changes its rate.
pub async fn update(
    ctx: &OpCtx,
    id: JobId,
    state: Option<JobState>,
    per_second: Option<i64>,
) -> Result<Job, Error> {
    let grant = ctx.require(right::DeliveriesReplay)?;
    Ok(jobs::update(&ctx.portal.dispatcher, grant, id, state, per_second).await?)
}
