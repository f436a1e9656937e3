//! Use cases of jobs, which redeliver many deliveries at a pace. Each change runs in one
//! transaction with its audit entry and the notice to the [job runner](super::job_runner). May
//! import domain, the dispatcher and engine::store.

use std::time::Duration;

use super::{
    dispatcher::Dispatcher,
    error::Error,
    store::{
        self, Conn, audit, hooks, jobs,
        log::Survey,
        once::{self, Once},
    },
};
use crate::domain::{
    id::JobId,
    invalid::Invalid,
    job::{Count, DEFAULT_PACE, Job, JobState, Kind, MAX_PACE, Scope, Spread},
    permission::{Grant, right},
    time::Timestamp,
};

/// A job to begin.
pub struct Begin {
    pub kind: Kind,
    pub scope: Scope,
    pub per_second: Option<i64>,
}

/// Counts the deliveries that a job would redeliver: the dry run.
pub async fn count(
    engine: &Dispatcher,
    by: &Grant<right::DeliveriesReplay>,
    begin: &Begin,
) -> Result<Count, Error> {
    let now = engine.clock().now();
    validate(begin, now)?;
    let mut conn = engine.store().read().await?;
    check_hook(&mut conn, by, &begin.scope).await?;
    Ok(jobs::count(&mut conn, by, &bound_scope(&begin.scope, now)).await?)
}

/// The dry run in time slices. Slices start no earlier than `kept` ago, so that older deliveries do
/// not stretch them.
pub async fn spread(
    engine: &Dispatcher,
    by: &Grant<right::DeliveriesReplay>,
    begin: &Begin,
    kept: Duration,
) -> Result<Spread, Error> {
    let now = engine.clock().now();
    validate(begin, now)?;
    let mut conn = engine.store().read().await?;
    check_hook(&mut conn, by, &begin.scope).await?;
    let scope = bound_scope(&begin.scope, now);
    let oldest = now.before(kept);
    let from = scope.from.map_or(oldest, |from| from.max(oldest));
    let (hours, bounds) = Spread::bounds(from, scope.to.unwrap_or(now));
    let Survey { counts, ends } = jobs::survey(&mut conn, by, &scope, &bounds).await?;
    Ok(Spread { hours, slices: bounds.into_iter().zip(counts).collect(), ends })
}

/// Begins a job. `once` is the idempotency key of the request, which is recorded in the same
/// transaction.
pub async fn begin(
    engine: &Dispatcher,
    by: Grant<right::DeliveriesReplay>,
    begin: Begin,
    once: Option<Once>,
) -> Result<Job, Error> {
    let clock = engine.clock().clone();
    let now = clock.now();
    let per_second = validate(&begin, now)?;
    let scope = bound_scope(&begin.scope, now);
    // Counted on a read connection: it can take long, and accepts wait for the writer.
    let count = jobs::count(&mut engine.store().read().await?, &by, &scope).await?;
    engine
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                check_hook(conn, &by, &scope).await?;
                refuse_overlap(conn, &by, &scope, None).await?;
                let job = Job {
                    id: JobId(clock.id()),
                    kind: begin.kind,
                    state: JobState::Running,
                    scope,
                    per_second,
                    total: count.total(),
                    done: 0,
                    skipped: 0,
                    created_by: by.by().to_owned(),
                    created_at: now,
                    updated_at: now,
                    problem: None,
                };
                jobs::insert(conn, &by, &job).await?;
                let detail =
                    format!("{}: {} at {per_second} a second", begin.kind.key(), count.words());
                audit::note(conn, &clock, &by, "job.begun", &job.id.to_string(), &detail).await?;
                once::note(conn, once.as_ref(), || format!("/api/v1/jobs/{}", job.id)).await?;
                Ok(job)
            })
        })
        .await
}

/// Pauses, resumes or cancels a job, or changes its pace.
pub async fn update(
    engine: &Dispatcher,
    by: Grant<right::DeliveriesReplay>,
    id: JobId,
    state: Option<JobState>,
    per_second: Option<i64>,
) -> Result<Job, Error> {
    let pace = per_second.map(|pace| validate_pace(Some(pace))).transpose()?;
    let clock = engine.clock().clone();
    engine
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                let job = jobs::find(conn, &by, id).await?.ok_or(Error::NotFound("job"))?;
                let now = clock.now();
                if let Some(pace) = pace {
                    jobs::set_pace(conn, &by, id, pace, now).await?;
                }
                if let Some(next) = state.filter(|next| *next != job.state) {
                    move_to(conn, &by, &job, next, now).await?;
                    audit::note(conn, &clock, &by, "job.changed", &id.to_string(), next.key())
                        .await?;
                }
                jobs::find(conn, &by, id).await?.ok_or(Error::NotFound("job"))
            })
        })
        .await
}

/// Applies a state change that the state machine allows. The job may have changed since it was
/// read, so the update checks the old state again.
async fn move_to(
    conn: &mut Conn,
    by: &Grant<right::DeliveriesReplay>,
    job: &Job,
    next: JobState,
    now: Timestamp,
) -> Result<(), Error> {
    let refused = |state: JobState| {
        let message = format!("can't change to {}, because the job is {}", next.key(), state.key());
        Error::from(Invalid::one("state", "state", message))
    };
    if !job.state.may_become(next) {
        return Err(refused(job.state));
    }
    if next == JobState::Running {
        refuse_overlap(conn, by, &job.scope, Some(job.id)).await?;
    }
    match jobs::set_state(conn, by, job.id, job.state, next, now).await {
        Err(store::Error::Missing) => Err(refused(JobState::Done)),
        moved => Ok(moved?),
    }
}

/// Tolerance for a client clock that is ahead.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// Validates a new job, and returns its pace.
fn validate(begin: &Begin, now: Timestamp) -> Result<u32, Invalid> {
    let mut invalid = Invalid::default();
    let pace = invalid.take(validate_pace(begin.per_second));
    if begin.kind == Kind::Recover && begin.scope.from.is_none() {
        invalid.add("since", "required", "Enter the start of the time range.");
    }
    let (from, to) = (begin.scope.from, begin.scope.to);
    let fields = if begin.kind == Kind::Recover { ("since", "until") } else { ("from", "to") };
    if from.is_some_and(|from| from > now.after(CLOCK_TOLERANCE)) {
        invalid.add(fields.0, "future", "must not be in the future");
    }
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        invalid.add(fields.1, "range", format!("must not be before {}", fields.0));
    }
    invalid.or(pace.unwrap_or(DEFAULT_PACE))
}

/// Validates a pace in deliveries per second; the default without one.
pub fn validate_pace(per_second: Option<i64>) -> Result<u32, Invalid> {
    let Some(pace) = per_second else { return Ok(DEFAULT_PACE) };
    let pace = u32::try_from(pace).ok().filter(|pace| (1..=MAX_PACE).contains(pace));
    pace.ok_or_else(|| {
        Invalid::one("per_second", "range", format!("must be between 1 and {MAX_PACE}"))
    })
}

/// Refuses a scope that overlaps a running job, which would redeliver the same deliveries twice.
async fn refuse_overlap(
    conn: &mut Conn,
    by: &Grant<right::DeliveriesReplay>,
    scope: &Scope,
    except: Option<JobId>,
) -> Result<(), Error> {
    match jobs::overlapping(conn, by, scope, except).await? {
        Some(job) => Err(Error::Overlaps { job }),
        None => Ok(()),
    }
}

/// Fails if the hook of the scope does not exist.
async fn check_hook(
    conn: &mut Conn,
    by: &Grant<right::DeliveriesReplay>,
    scope: &Scope,
) -> Result<(), Error> {
    match scope.hook {
        Some(hook) => hooks::find(conn, by, hook).await?.map(drop).ok_or(Error::NotFound("hook")),
        None => Ok(()),
    }
}

/// Limits the scope to deliveries accepted until now. Otherwise a job might never end.
fn bound_scope(scope: &Scope, now: Timestamp) -> Scope {
    let end = Timestamp(now.0 + 1);
    Scope { to: Some(scope.to.map_or(end, |to| to.min(end))), ..scope.clone() }
}
