//! Jobs: what they cover, how far they are, and one step of one. A step sends deliveries again and
//! moves the job's cursor in the same transaction, so that no delivery is sent twice by a job and
//! none is left out, whatever dies when.

use std::time::Duration;

use uuid::Uuid;

use super::{
    audit, claim,
    db::{Conn, on_db},
    deliveries,
    error::{Error, expect_one},
    log,
    told::Told,
};
use crate::{
    domain::{
        id::{DeliveryId, JobId, NodeId},
        job::{Count, Job, JobState, Kind, Scope},
        permission::{Actor, Grant, Permission},
        time::Timestamp,
    },
    engine::clock::Clock,
};

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
    fn job(self) -> Result<Job, Error> {
        let wrong = |column| Error::Inconsistent { table: "jobs", column };
        Ok(Job {
            id: self.id,
            kind: Kind::from_key(&self.kind).ok_or_else(|| wrong("kind"))?,
            state: JobState::from_key(&self.state).ok_or_else(|| wrong("state"))?,
            // One that cannot be read must not hide the others: it is shown, with its problem, and
            // can be cancelled.
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

/// How many deliveries a scope covers: the dry run. To be asked of a connection that only reads:
/// see [`log::Survey`].
pub async fn count(conn: &mut Conn, by: &Grant, scope: &Scope) -> Result<Count, Error> {
    Ok(survey(conn, by, scope, &[]).await?.counts.pop().unwrap_or_default())
}

/// The same in slices of time, and when the first and the last of them were accepted.
pub async fn survey(
    conn: &mut Conn,
    _by: &Grant,
    scope: &Scope,
    bounds: &[Timestamp],
) -> Result<log::Survey, Error> {
    log::survey(conn, scope, bounds).await
}

pub async fn insert(conn: &mut Conn, _by: &Grant, job: &Job) -> Result<(), Error> {
    // Serialising ids, words and numbers cannot fail.
    let filter = serde_json::to_string(&job.scope).unwrap_or_default();
    on_db!(conn, c => sqlx::query(
        "INSERT INTO jobs (id, kind, state, filter, per_second, total, created_by, created_at, \
         updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    ).bind(job.id).bind(job.kind.key()).bind(job.state.key()).bind(filter)
        .bind(i64::from(job.per_second))
     .bind(job.total).bind(&job.created_by).bind(job.created_at).execute(c).await.map(drop))?;
    conn.tell(Told::Job);
    Ok(())
}

pub async fn find(conn: &mut Conn, _by: &Grant, id: JobId) -> Result<Option<Job>, Error> {
    let row: Option<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE id = ").push_bind(id).build_query_as().fetch_optional(c).await
    })?;
    row.map(Row::job).transpose()
}

/// A page of jobs, newest first; one more than `limit` when there is more.
pub async fn page(
    conn: &mut Conn,
    _by: &Grant,
    cursor: Option<JobId>,
    limit: u32,
) -> Result<Vec<Job>, Error> {
    let rows: Vec<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE id < ").push_bind(cursor.unwrap_or(JobId(Uuid::max())));
        query.push(" ORDER BY id DESC \
                    LIMIT ").push_bind(i64::from(limit) + 1).build_query_as().fetch_all(c).await
    })?;
    rows.into_iter().map(Row::job).collect()
}

/// A running job that covers a delivery of this scope too, other than `but`. Until this
/// transaction's commit no other one comes past here: two nodes cannot begin overlapping jobs at
/// the same moment.
pub async fn overlapping(
    conn: &mut Conn,
    _by: &Grant,
    scope: &Scope,
    but: Option<JobId>,
) -> Result<Option<JobId>, Error> {
    on_db!(conn, c => sqlx::query("UPDATE counters SET value = value + 1 WHERE name = 'jobs_begun' \
                                   AND shard = 0")
        .execute(c).await.map(drop))?;
    let rows: Vec<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE state = 'running' ORDER BY id").build_query_as().fetch_all(c).await
    })?;
    for row in rows {
        let job = row.job()?;
        if Some(job.id) != but && job.scope.overlaps(scope) {
            return Ok(Some(job.id));
        }
    }
    Ok(None)
}

/// Moves a job that is still in `from`; [`Error::Missing`] when it is not.
pub async fn set_state(
    conn: &mut Conn,
    _by: &Grant,
    id: JobId,
    from: JobState,
    to: JobState,
    now: Timestamp,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query(
        "UPDATE jobs SET state = $3, updated_at = $4, problem = NULL WHERE id = $1 AND state = $2",
    ).bind(id).bind(from.key()).bind(to.key()).bind(now).execute(c).await.map(|done| done
        .rows_affected()))?;
    conn.tell(Told::Job);
    expect_one(rows)
}

/// Pauses a job that cannot go on, with the reason. Once it is resumed it is tried again.
pub(in crate::engine) async fn give_up(
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
    conn.tell(Told::Job);
    let Ok(grant) = Actor::portal().require(Permission::DeliveriesReplay) else { return Ok(()) };
    audit::note(conn, clock, &grant, "job.paused", &id.to_string(), problem).await
}

pub async fn set_pace(
    conn: &mut Conn,
    _by: &Grant,
    id: JobId,
    per_second: u32,
    now: Timestamp,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query("UPDATE jobs SET per_second = $2, updated_at = $3 \
        WHERE id = $1")
        .bind(id).bind(i64::from(per_second)).bind(now).execute(c).await.map(|done| done
            .rows_affected()))?;
    conn.tell(Told::Job);
    expect_one(rows)
}

/// Takes the running jobs that no living node works on, and keeps those of this node for another
/// `lease`. Returns all that are now this node's. Who is alone takes them all: nobody else can have
/// them, whatever an earlier process wrote.
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

/// Deliveries that one step sends again at most.
const STEP: i64 = 100;
/// Time that a step makes up for at most: after a stop or a standstill no burst follows.
const CATCH_UP: i64 = 1000;

/// Sends as many deliveries of a job again as its pace allows since its last step.
pub(in crate::engine) async fn step(
    conn: &mut Conn,
    node: NodeId,
    id: JobId,
    now: Timestamp,
) -> Result<(), Error> {
    // Changes nothing, but keeps the row until the commit: nobody takes the job over, pauses or
    // cancels it meanwhile.
    let row: Option<(String, Option<DeliveryId>, i64, Timestamp)> = on_db!(conn,
        c => sqlx::query_as(
        "UPDATE jobs SET node_id = node_id WHERE id = $1 AND state = 'running' AND node_id = $2
         RETURNING filter, cursor, per_second, updated_at",
    ).bind(id).bind(node).fetch_optional(c).await)?;
    let Some((filter, cursor, per_second, stepped_at)) = row else { return Ok(()) };
    let elapsed =
        i64::try_from(stepped_at.until(now).as_millis()).unwrap_or(CATCH_UP).min(CATCH_UP);
    let limit = per_second.saturating_mul(elapsed).saturating_div(1000).min(STEP);
    if limit == 0 {
        return Ok(());
    }
    let scope: Scope = serde_json::from_str(&filter)
        .map_err(|_| Error::Inconsistent { table: "jobs", column: "filter" })?;
    let (found, looked) =
        log::next(conn, &scope, cursor, u32::try_from(limit).unwrap_or(u32::MAX)).await?;
    // Where nothing was found but there is more to look at, the next step looks there.
    let Some(last) = looked.or(found.last().map(|(last, _)| *last)) else {
        // What was counted and is not here any more was settled otherwise in the meantime.
        on_db!(conn, c => sqlx::query(
            "UPDATE jobs SET state = $2, updated_at = $3,
                             skipped = CASE WHEN total > done + skipped THEN total - done ELSE \
                             skipped END
             WHERE id = $1",
        ).bind(id).bind(JobState::Done.key()).bind(now).execute(c).await.map(drop))?;
        return Ok(());
    };
    let Ok(grant) = Actor::portal().require(Permission::DeliveriesReplay) else { return Ok(()) };
    let (mut done, mut skipped) = (0i64, 0i64);
    for (delivery, hook) in found {
        match deliveries::redeliver(conn, &grant, delivery, hook, now).await {
            Ok(()) => done += 1,
            Err(Error::Missing) => skipped += 1,
            Err(error) => return Err(error),
        }
    }
    // What a step's time was too short for belongs to the next: else a slow pace would become
    // slower still.
    let used = limit.saturating_mul(1000).saturating_div(per_second.max(1));
    let now = Timestamp(now.0 - elapsed.saturating_sub(used));
    on_db!(conn, c => sqlx::query(
        "UPDATE jobs SET cursor = $2, done = done + $3, skipped = skipped + $4, updated_at = $5 \
         WHERE id = $1",
    ).bind(id).bind(last).bind(done).bind(skipped).bind(now).execute(c).await.map(drop))?;
    Ok(())
}
