//! Jobs: sending many deliveries again. Counted before it begins, at a pace, to be paused and
//! cancelled.

use std::time::Duration;

use super::Error;
use crate::{
    domain::{
        health::Health,
        hook::Hook,
        id::{HookId, JobId},
        invalid::Invalid,
        job::{Count, DEFAULT_PACE, Job, JobState, Kind, MAX_PACE, Scope, Spread},
        page::Page,
        permission::{Grant, Permission},
        time::Timestamp,
    },
    engine::store::{self, Conn, audit, health, hooks, jobs, log::Survey, once},
    server::ctx::OpCtx,
};

/// What is to be begun.
pub struct Begin {
    pub kind: Kind,
    pub scope: Scope,
    pub per_second: Option<i64>,
}

/// What it would send again: the dry run.
pub async fn count(ctx: &OpCtx, begin: &Begin) -> Result<Count, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    judge_begin(begin, ctx.portal.clock().now())?;
    let mut conn = ctx.portal.store().read().await?;
    check_hook(&mut conn, &grant, &begin.scope).await?;
    let scope = bounded(&begin.scope, ctx.portal.clock().now());
    Ok(jobs::count(&mut conn, &grant, &scope).await?)
}

/// The same, in slices of time. What is older than anything that is kept does not make the slices
/// longer.
pub async fn spread(ctx: &OpCtx, begin: &Begin) -> Result<Spread, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    judge_begin(begin, ctx.portal.clock().now())?;
    let mut conn = ctx.portal.store().read().await?;
    check_hook(&mut conn, &grant, &begin.scope).await?;
    let now = ctx.portal.clock().now();
    let scope = bounded(&begin.scope, now);
    let oldest = now.before(ctx.portal.settings.retention.deliveries);
    let from = scope.from.map_or(oldest, |from| from.max(oldest));
    let (hours, bounds) = Spread::bounds(from, scope.to.unwrap_or(now));
    let Survey { counts, ends } = jobs::survey(&mut conn, &grant, &scope, &bounds).await?;
    Ok(Spread { hours, slices: bounds.into_iter().zip(counts).collect(), ends })
}

pub async fn begin(ctx: &OpCtx, begin: Begin) -> Result<Job, Error> {
    let grant = ctx.require(Permission::DeliveriesReplay)?;
    let (clock, made) = (ctx.portal.clock().clone(), ctx.once.clone());
    let now = clock.now();
    let per_second = judge_begin(&begin, now)?;
    let scope = bounded(&begin.scope, now);
    // Counted by a connection that only reads: it takes as long as there is to count, and accepts
    // wait for the writer.
    let count = jobs::count(&mut ctx.portal.store().read().await?, &grant, &scope).await?;
    ctx.portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                check_hook(conn, &grant, &scope).await?;
                alone(conn, &grant, &scope, None).await?;
                let job = Job {
                    id: JobId(clock.id()),
                    kind: begin.kind,
                    state: JobState::Running,
                    scope,
                    per_second,
                    total: count.total(),
                    done: 0,
                    skipped: 0,
                    created_by: grant.by().to_owned(),
                    created_at: now,
                    updated_at: now,
                    problem: None,
                };
                jobs::insert(conn, &grant, &job).await?;
                let detail =
                    format!("{}: {} at {per_second} a second", begin.kind.key(), count.words());
                audit::note(conn, &clock, &grant, "job.begun", &job.id.to_string(), &detail)
                    .await?;
                once::note(conn, made.as_ref(), || format!("/api/v1/jobs/{}", job.id)).await?;
                Ok(job)
            })
        })
        .await
}

pub async fn find(ctx: &OpCtx, id: JobId) -> Result<Job, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    jobs::find(&mut ctx.portal.store().read().await?, &grant, id)
        .await?
        .ok_or(Error::NotFound("job"))
}

/// A page of jobs, newest first.
pub async fn page(ctx: &OpCtx, cursor: Option<JobId>, limit: u32) -> Result<Page<Job>, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let rows = jobs::page(&mut ctx.portal.store().read().await?, &grant, cursor, limit).await?;
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
    let pace = per_second.map(|pace| judge_pace(Some(pace))).transpose()?;
    let clock = ctx.portal.clock().clone();
    ctx.portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                let job = jobs::find(conn, &grant, id).await?.ok_or(Error::NotFound("job"))?;
                let now = clock.now();
                if let Some(pace) = pace {
                    jobs::set_pace(conn, &grant, id, pace, now).await?;
                }
                if let Some(next) = state.filter(|next| *next != job.state) {
                    move_to(conn, &grant, &job, next, now).await?;
                    audit::note(conn, &clock, &grant, "job.changed", &id.to_string(), next.key())
                        .await?;
                }
                jobs::find(conn, &grant, id).await?.ok_or(Error::NotFound("job"))
            })
        })
        .await
}

async fn move_to(
    conn: &mut Conn,
    grant: &Grant,
    job: &Job,
    next: JobState,
    now: Timestamp,
) -> Result<(), Error> {
    let refused = |state: JobState| {
        let message = format!("cannot become {}: the job is {}", next.key(), state.key());
        Error::from(Invalid::one("state", "state", message))
    };
    if !job.state.may_become(next) {
        return Err(refused(job.state));
    }
    if next == JobState::Running {
        alone(conn, grant, &job.scope, Some(job.id)).await?;
    }
    match jobs::set_state(conn, grant, job.id, job.state, next, now).await {
        Err(store::Error::Missing) => Err(refused(JobState::Done)),
        moved => Ok(moved?),
    }
}

/// How far a program's clock may be ahead.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

fn judge_begin(begin: &Begin, now: Timestamp) -> Result<u32, Invalid> {
    let mut invalid = Invalid::default();
    let pace = invalid.take(judge_pace(begin.per_second));
    if begin.kind == Kind::Recover && begin.scope.from.is_none() {
        invalid.add(
            "since",
            "required",
            "Give the time since when deliveries are to be recovered.",
        );
    }
    let (from, to) = (begin.scope.from, begin.scope.to);
    let names = if begin.kind == Kind::Recover { ("since", "until") } else { ("from", "to") };
    // A program's clock may be a little ahead of ours.
    if from.is_some_and(|from| from > now.after(CLOCK_TOLERANCE)) {
        invalid.add(names.0, "future", "must not be in the future");
    }
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        invalid.add(names.1, "range", format!("must not be before \"{}\"", names.0));
    }
    invalid.or(pace.unwrap_or(DEFAULT_PACE))
}

pub fn judge_pace(per_second: Option<i64>) -> Result<u32, Invalid> {
    let Some(pace) = per_second else { return Ok(DEFAULT_PACE) };
    let pace = u32::try_from(pace).ok().filter(|pace| (1..=MAX_PACE).contains(pace));
    pace.ok_or_else(|| {
        Invalid::one("per_second", "range", format!("must be between 1 and {MAX_PACE}"))
    })
}

/// Refuses what a running job is sending already: two would send the same deliveries twice.
async fn alone(
    conn: &mut Conn,
    grant: &Grant,
    scope: &Scope,
    but: Option<JobId>,
) -> Result<(), Error> {
    match jobs::overlapping(conn, grant, scope, but).await? {
        Some(job) => Err(Error::Overlaps { job }),
        None => Ok(()),
    }
}

async fn check_hook(conn: &mut Conn, grant: &Grant, scope: &Scope) -> Result<(), Error> {
    match scope.hook {
        Some(hook) => {
            hooks::find(conn, grant, hook).await?.map(drop).ok_or(Error::NotFound("hook"))
        }
        None => Ok(()),
    }
}

/// What is accepted from now on is not part of it: else a job could go on for ever.
fn bounded(scope: &Scope, now: Timestamp) -> Scope {
    let end = Timestamp(now.0 + 1);
    Scope { to: Some(scope.to.map_or(end, |to| to.min(end))), ..scope.clone() }
}
