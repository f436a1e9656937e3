//! Jobs: rows in the database, and the steps that carry them out. A step reopens some deliveries
//! and moves the cursor of the job in the same transaction. So a job redelivers each delivery in
//! its scope exactly once, even if the process dies in between.

use std::time::Duration;

use uuid::Uuid;

use super::{
    audit, claim,
    db::{Conn, on_db},
    deliveries,
    error::{Error, expect_one},
    log::{self, Search},
    notices::Notice,
};
use crate::{
    domain::{
        id::{DeliveryId, JobId, NodeId},
        job::{Count, Job, JobState, Kind, Scope},
        permission::{Actor, Grant, Implies, right},
        time::Timestamp,
    },
    engine::clock::Clock,
};

/// A job as stored. `filter` is its scope as JSON.
#[derive(sqlx::FromRow)]
struct Row {
    id: JobId,
    kind: String,
    state: String,
    filter: String,
    per_second: i64,
    total: i64,
    done: i64,
    skipped: i64,
    created_by: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    problem: Option<String>,
}

const SELECT: &str =
    "SELECT id, kind, state, filter, per_second, total, done, skipped, created_by, created_at, \
     updated_at,
            problem
    FROM jobs ";

impl Row {
    fn into_job(self) -> Result<Job, Error> {
        let inconsistent = |column| Error::Inconsistent { table: "jobs", column };
        Ok(Job {
            id: self.id,
            kind: Kind::from_key(&self.kind).ok_or_else(|| inconsistent("kind"))?,
            state: JobState::from_key(&self.state).ok_or_else(|| inconsistent("state"))?,
            // A scope that cannot be parsed must not hide the other jobs. The job is shown with its
            // problem and can be cancelled.
            scope: serde_json::from_str(&self.filter).unwrap_or_default(),
            per_second: u32::try_from(self.per_second).unwrap_or_default(),
            total: self.total,
            done: self.done,
            skipped: self.skipped,
            created_by: self.created_by,
            created_at: self.created_at,
            updated_at: self.updated_at,
            problem: self.problem,
        })
    }
}

/// Counts the deliveries in a scope: the dry run of a job. Call it with a read connection, because
/// it can take long; see [`log::Survey`].
pub async fn count(
    conn: &mut Conn,
    by: &Grant<right::DeliveriesReplay>,
    scope: &Scope,
) -> Result<Count, Error> {
    Ok(survey(conn, by, scope, &[]).await?.counts.pop().unwrap_or_default())
}

/// Counts per time slice, and when the first and the last counted delivery were accepted. `bounds`
/// are the ends of the slices.
pub async fn survey(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    scope: &Scope,
    bounds: &[Timestamp],
) -> Result<log::Survey, Error> {
    log::survey(conn, &Search::from(scope), bounds).await
}

/// Stores a new job and notifies the job runner.
pub async fn insert(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    job: &Job,
) -> Result<(), Error> {
    // Serialising ids, words and numbers cannot fail.
    let filter = serde_json::to_string(&job.scope).unwrap_or_default();
    on_db!(conn, c => sqlx::query(
        "INSERT INTO jobs (id, kind, state, filter, per_second, total, created_by, created_at, \
         updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    ).bind(job.id).bind(job.kind.key()).bind(job.state.key()).bind(filter)
        .bind(i64::from(job.per_second))
     .bind(job.total).bind(&job.created_by).bind(job.created_at).execute(c).await.map(drop))?;
    conn.add_notice(Notice::Job);
    Ok(())
}

/// One job by id.
pub async fn find(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::DeliveriesRead>>,
    id: JobId,
) -> Result<Option<Job>, Error> {
    let row: Option<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE id = ").push_bind(id).build_query_as().fetch_optional(c).await
    })?;
    row.map(Row::into_job).transpose()
}

/// A page of jobs, newest first. Returns one row more than `limit` when there are more.
pub async fn page(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    cursor: Option<JobId>,
    limit: u32,
) -> Result<Vec<Job>, Error> {
    let rows: Vec<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE id < ").push_bind(cursor.unwrap_or(JobId(Uuid::max())));
        query.push(" ORDER BY id DESC \
                    LIMIT ").push_bind(i64::from(limit) + 1).build_query_as().fetch_all(c).await
    })?;
    rows.into_iter().map(Row::into_job).collect()
}

/// Finds a running job, other than `except`, whose scope overlaps this one. The update of the
/// counter row locks it until this transaction commits, so two nodes cannot begin overlapping jobs
/// at the same moment.
pub async fn overlapping(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    scope: &Scope,
    except: Option<JobId>,
) -> Result<Option<JobId>, Error> {
    on_db!(conn, c => sqlx::query("UPDATE counters SET value = value + 1 WHERE name = 'jobs_begun' \
                                   AND shard = 0")
        .execute(c).await.map(drop))?;
    let rows: Vec<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE state = 'running' ORDER BY id").build_query_as().fetch_all(c).await
    })?;
    for row in rows {
        let job = row.into_job()?;
        if Some(job.id) != except && job.scope.overlaps(scope) {
            return Ok(Some(job.id));
        }
    }
    Ok(None)
}

/// Changes the state of a job that is still in `from`. Fails with [`Error::Missing`] when it is in
/// another state.
pub async fn set_state(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    id: JobId,
    from: JobState,
    to: JobState,
    now: Timestamp,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query(
        "UPDATE jobs SET state = $3, updated_at = $4, problem = NULL WHERE id = $1 AND state = $2",
    ).bind(id).bind(from.key()).bind(to.key()).bind(now).execute(c).await.map(|done| done
        .rows_affected()))?;
    conn.add_notice(Notice::Job);
    expect_one(rows)
}

/// Pauses a job that cannot continue and stores the reason. Resuming it tries again. Does nothing
/// if the job no longer runs on this node.
pub(in crate::engine) async fn pause_with_problem(
    conn: &mut Conn,
    clock: &Clock,
    node: NodeId,
    id: JobId,
    problem: &str,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query(
        "UPDATE jobs SET state = $3, problem = $4, updated_at = $5 WHERE id = $1 AND state = \
         'running' AND node_id = $2",
    ).bind(id).bind(node).bind(JobState::Paused.key()).bind(problem).bind(clock.now())
     .execute(c).await.map(|done| done.rows_affected()))?;
    if rows == 0 {
        return Ok(());
    }
    conn.add_notice(Notice::Job);
    let Ok(grant) = Actor::portal().require(right::DeliveriesReplay) else { return Ok(()) };
    audit::note(conn, clock, &grant, "job.paused", &id.to_string(), problem).await
}

/// Changes the pace of a job, in deliveries per second.
pub async fn set_pace(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    id: JobId,
    per_second: u32,
    now: Timestamp,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query("UPDATE jobs SET per_second = $2, updated_at = $3 \
        WHERE id = $1")
        .bind(id).bind(i64::from(per_second)).bind(now).execute(c).await.map(|done| done
            .rows_affected()))?;
    conn.add_notice(Notice::Job);
    expect_one(rows)
}

/// Claims the running jobs whose lease is free or has expired, and renews the lease of those that
/// this node has. Returns all jobs of this node. A single node claims all jobs: any lease left by
/// an earlier process is void.
pub(in crate::engine) async fn claim(
    conn: &mut Conn,
    clock: &Clock,
    node: NodeId,
    lease: Duration,
    is_alone: bool,
) -> Result<Vec<JobId>, Error> {
    let now = claim::database_now(conn, clock).await?;
    let lock = conn.skip_locked();
    let rows: Vec<(JobId,)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("UPDATE jobs SET node_id = ");
        query.push_bind(node).push(", until = ").push_bind(now.after(lease));
        query.push(" WHERE id IN (SELECT id FROM jobs WHERE state = 'running' AND (node_id \
                    = ").push_bind(node);
        query.push(" OR until < ").push_bind(now).push(" OR ").push_bind(is_alone);
        query.push(")").push(lock).push(") RETURNING id");
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(|(job,)| job).collect())
}

/// Most deliveries that one step redelivers.
const MAX_STEP: i64 = 100;
/// Most time in ms for which a step catches up, so that no burst follows a stop or a stall.
const MAX_CATCH_UP_MS: i64 = 1000;

/// Redelivers as many deliveries of a job as its pace allows since its last step.
pub(in crate::engine) async fn step(
    conn: &mut Conn,
    node: NodeId,
    id: JobId,
    now: Timestamp,
) -> Result<(), Error> {
    // Locks the row until the commit (the update changes nothing), so that the job is not claimed,
    // paused or cancelled meanwhile.
    let row: Option<(String, Option<DeliveryId>, i64, Timestamp)> = on_db!(conn,
        c => sqlx::query_as(
        "UPDATE jobs SET node_id = node_id WHERE id = $1 AND state = 'running' AND node_id = $2
         RETURNING filter, cursor, per_second, updated_at",
    ).bind(id).bind(node).fetch_optional(c).await)?;
    let Some((filter, cursor, per_second, accounted_to)) = row else { return Ok(()) };
    let elapsed_ms = i64::try_from(accounted_to.until(now).as_millis())
        .unwrap_or(MAX_CATCH_UP_MS)
        .min(MAX_CATCH_UP_MS);
    let limit = per_second.saturating_mul(elapsed_ms).saturating_div(1000).min(MAX_STEP);
    if limit == 0 {
        return Ok(());
    }
    let scope: Scope = serde_json::from_str(&filter)
        .map_err(|_| Error::Inconsistent { table: "jobs", column: "filter" })?;
    let (found, scanned_to) =
        log::next(conn, &scope, cursor, u32::try_from(limit).unwrap_or(u32::MAX)).await?;
    // If the scan found nothing but has not reached the end, the cursor moves to where it stopped.
    let Some(cursor) = scanned_to.or(found.last().map(|(id, _)| *id)) else {
        // End of the scope. Deliveries that were counted at the start but not found now were
        // settled in another way meanwhile: they count as skipped.
        on_db!(conn, c => sqlx::query(
            "UPDATE jobs SET state = $2, updated_at = $3,
                             skipped = CASE WHEN total > done + skipped THEN total - done ELSE \
                             skipped END
             WHERE id = $1",
        ).bind(id).bind(JobState::Done.key()).bind(now).execute(c).await.map(drop))?;
        return Ok(());
    };
    let Ok(grant) = Actor::portal().require(right::DeliveriesReplay) else { return Ok(()) };
    let (mut done, mut skipped) = (0i64, 0i64);
    for (delivery, hook) in found {
        // `Missing`: the delivery or its body is gone, or it is open again.
        match deliveries::redeliver(conn, &grant, delivery, hook, Some(id), now).await {
            Ok(()) => done += 1,
            Err(Error::Missing) => skipped += 1,
            Err(error) => return Err(error),
        }
    }
    // Time that was too short for a whole delivery carries over to the next step. Otherwise a slow
    // pace would become slower still.
    let used_ms = limit.saturating_mul(1000).saturating_div(per_second.max(1));
    let accounted_to = Timestamp(now.0 - elapsed_ms.saturating_sub(used_ms));
    on_db!(conn, c => sqlx::query(
        "UPDATE jobs SET cursor = $2, done = done + $3, skipped = skipped + $4, updated_at = $5 \
         WHERE id = $1",
    ).bind(id).bind(cursor).bind(done).bind(skipped).bind(accounted_to)
     .execute(c).await.map(drop))?;
    Ok(())
}
