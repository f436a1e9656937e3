//! Deliveries as people and API clients use them: lists, single deliveries, and redelivery. The
//! engine's side is in [`queue`](super::queue) (open deliveries) and
//! [`outcomes`](super::outcomes) (results of attempts).

use super::{
    db::{Conn, on_db},
    error::{Error, expect_one},
    health, hooks,
    notices::Notice,
    queue::ASSIGN_ORDER_KEY,
    rows::{count_to_u32, known_event_type},
};
use crate::domain::{
    delivery::{Answer, Delivery, State},
    event::EventType,
    id::{DeliveryId, EventId, HookId, JobId, first_at},
    permission::{Grant, Implies, right},
    time::Timestamp,
    words::MANY,
};

/// The filter of a list of deliveries. Conditions are combined with AND; `None` matches all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub hook: Option<HookId>,
    pub event: Option<EventId>,
    pub event_type: Option<EventType>,
    pub state: Option<State>,
    /// The earliest time of creation, inclusive.
    pub from: Option<Timestamp>,
    /// The end of the time of creation, exclusive.
    pub to: Option<Timestamp>,
}

/// A delivery as it is stored. Also used by the search of [`log`](super::log).
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: DeliveryId,
    event_id: EventId,
    hook_id: HookId,
    event_type: String,
    state: String,
    reason: Option<String>,
    is_test: bool,
    attempts: i64,
    last_class: Option<String>,
    last_status: Option<i64>,
    last_duration_ms: Option<i64>,
    due_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Selects the columns of [`Row`]; the caller appends the conditions.
pub(super) const SELECT: &str =
    "SELECT id, event_id, hook_id, event_type, state, reason, is_test, attempts, last_class, \
     last_status,
    last_duration_ms, due_at, created_at, updated_at FROM deliveries ";

/// A page of deliveries, newest first, with keyset pagination: only ids below `cursor`. Returns up
/// to `limit` + 1 rows; the additional one shows that there is a next page.
pub async fn page(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    filter: &Filter,
    cursor: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    let rows: Vec<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE 1 = 1");
        if let Some(hook) = filter.hook {
            query.push(" AND hook_id = ").push_bind(hook);
        }
        if let Some(event) = filter.event {
            query.push(" AND event_id = ").push_bind(event);
        }
        if let Some(event_type) = filter.event_type {
            query.push(" AND event_type = ").push_bind(event_type.key());
        }
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state.key());
        }
        if let Some(from) = filter.from {
            query.push(" AND created_at >= ").push_bind(from);
        }
        if let Some(to) = filter.to {
            query.push(" AND created_at < ").push_bind(to);
        }
        if let Some(cursor) = cursor {
            query.push(" AND id < ").push_bind(cursor);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit) + 1);
        query.build_query_as().fetch_all(c).await
    })?;
    rows.into_iter().map(Row::delivery).collect()
}

pub async fn find(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::DeliveriesRead>>,
    id: DeliveryId,
) -> Result<Option<Delivery>, Error> {
    let row: Option<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE id = ").push_bind(id).build_query_as().fetch_optional(c).await
    })?;
    row.map(Row::delivery).transpose()
}

/// The latest test deliveries of a hook, newest first.
pub async fn tests(
    conn: &mut Conn,
    _by: &Grant<right::HooksTest>,
    hook: HookId,
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    let rows: Vec<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE is_test AND hook_id = ").push_bind(hook);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit));
        query.build_query_as().fetch_all(c).await
    })?;
    rows.into_iter().map(Row::delivery).collect()
}

/// The newest delivery of a hook that is not a test.
pub async fn newest_non_test(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::DeliveriesRead>>,
    hook: HookId,
) -> Result<Option<Delivery>, Error> {
    let row: Option<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE NOT is_test AND hook_id = ").push_bind(hook).push(" ORDER BY id DESC \
            LIMIT 1");
        query.build_query_as().fetch_optional(c).await
    })?;
    row.map(Row::delivery).transpose()
}

/// The newest delivery of each hook that is not deleted and has any; with `only`, of that hook.
pub async fn newest_per_hook(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    only: Option<HookId>,
) -> Result<Vec<Delivery>, Error> {
    let rows: Vec<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push(
            "WHERE id IN (SELECT (SELECT d.id FROM deliveries d WHERE d.hook_id = h.id ORDER BY \
             d.id DESC LIMIT 1)
                          FROM hooks h WHERE h.deleted_at IS NULL",
        );
        if let Some(hook) = only {
            query.push(" AND h.id = ").push_bind(hook);
        }
        query.push(")");
        query.build_query_as().fetch_all(c).await
    })?;
    rows.into_iter().map(Row::delivery).collect()
}

/// Reopens a settled delivery, with a new retry schedule. It is due immediately, or held while its
/// hook is off or paused. Fails with [`Error::Missing`] if it is not settled, is a test, its body
/// or its hook was deleted, or another node has locked its row. `job`: the job that redelivers it.
pub async fn redeliver(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    id: DeliveryId,
    hook: HookId,
    job: Option<JobId>,
    now: Timestamp,
) -> Result<(), Error> {
    let hook = hooks::load(conn, hook).await?.ok_or(Error::Missing)?;
    let acceptance = health::acceptance(conn, &hook).await?;
    lock_body(conn, id).await?;
    let (reason, lock) = (acceptance.hold_reason(), conn.skip_locked());
    let rows = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("UPDATE deliveries SET state = CASE \
            WHEN ");
        query.push_bind(reason.is_some()).push(" THEN 'held' WHEN attempts = 0 THEN 'pending' ELSE \
            'waiting' END, due_at = ");
        query.push_bind(reason.is_none().then_some(now)).push(", reason = ").push_bind(reason);
        query.push(", tries_before = attempts, updated_at = ").push_bind(now);
        query.push(", dismissal_id = NULL, reason_before = NULL");
        if let Some(job) = job {
            query.push(", job_id = ").push_bind(job);
        }
        query.push(ASSIGN_ORDER_KEY);
        query.push(
            " WHERE state IN ('delivered', 'failed', 'skipped', 'cancelled') AND NOT is_test
                AND id = (SELECT id FROM deliveries WHERE id = ",
        );
        query.push_bind(id).push(lock).push(")");
        // A job never sends what a person dismissed.
        if job.is_some() {
            query.push(" AND dismissal_id IS NULL");
        }
        query.build().execute(c).await.map(|done| done.rows_affected())
    })?;
    expect_one(rows)?;
    // With ordered delivery, the lane must discard the deliveries in its memory: the reopened one
    // is older than they are and goes first.
    let is_ordered = hook.tuning.order_by.is_some();
    conn.add_notice(if is_ordered { Notice::Changed(hook.id) } else { Notice::More(hook.id) });
    Ok(())
}

/// Checks that the body of a delivery exists and share-locks its event, so that the body cannot be
/// removed until this transaction ends. Retention locks the same row before it checks whether the
/// event has open deliveries, so each of the two sees the effect of the other. Lock order: the
/// event before its deliveries.
async fn lock_body(conn: &mut Conn, id: DeliveryId) -> Result<(), Error> {
    let lock = conn.share_lock();
    let row: Option<(EventId,)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(
            "SELECT id FROM events WHERE pruned_at IS NULL AND id = (SELECT event_id FROM \
             deliveries WHERE id = ",
        );
        query.push_bind(id).push(")").push(lock).build_query_as().fetch_optional(c).await
    })?;
    row.map(drop).ok_or(Error::Missing)
}

/// The number of open deliveries of a hook (pending, waiting or held), at most [`MANY`] + 1. The
/// states are counted separately, because each has a partial index of its own.
pub async fn count_open(
    conn: &mut Conn,
    _by: &Grant<right::HooksWrite>,
    hook: HookId,
) -> Result<i64, Error> {
    let (count,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT COUNT(*) FROM (
           SELECT 1 FROM (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'pending' LIMIT \
           $2) AS p UNION ALL
           SELECT 1 FROM (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'waiting' LIMIT \
           $2) AS w UNION ALL
           SELECT 1 FROM (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'held' LIMIT $2) \
           AS h) AS counted",
    ).bind(hook).bind(MANY + 1).fetch_one(c).await)?;
    Ok(count.min(MANY + 1))
}

/// The number of held deliveries of a hook, at most [`MANY`] + 1.
pub async fn count_held(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    hook: HookId,
) -> Result<i64, Error> {
    let (count,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT COUNT(*) FROM (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'held' \
         LIMIT $2) AS counted",
    ).bind(hook).bind(MANY + 1).fetch_one(c).await)?;
    Ok(count)
}

/// The held delivery that was accepted first, of one hook or of all. (See [`count_skipped`] for the
/// second condition on the state.)
pub async fn oldest_held(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    hook: Option<HookId>,
) -> Result<Option<DeliveryId>, Error> {
    let found: Option<(DeliveryId,)> = match hook {
        Some(hook) => on_db!(conn, c => sqlx::query_as(
            "SELECT id FROM deliveries WHERE hook_id = $1 AND state = 'held' ORDER BY id LIMIT 1",
        ).bind(hook).fetch_optional(c).await)?,
        None => on_db!(conn, c => sqlx::query_as(
            "SELECT id FROM deliveries WHERE state = 'held' AND state NOT IN ('pending', \
             'delivered') ORDER BY id LIMIT 1",
        ).fetch_optional(c).await)?,
    };
    Ok(found.map(|(id,)| id))
}

/// The number of deliveries accepted since `from` that were delivered. `None` if more than
/// 2 * [`MANY`] were accepted: no index tells delivered ones apart, so each is read.
pub async fn count_delivered(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    from: Timestamp,
) -> Result<Option<i64>, Error> {
    let (all, delivered): (i64, i64) = on_db!(conn, c => sqlx::query_as(
        "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN state = 'delivered' THEN 1 ELSE 0 END), 0) \
         AS BIGINT) \
         FROM (SELECT state FROM deliveries WHERE id >= $1 ORDER BY id LIMIT $2) AS read",
    ).bind(DeliveryId(first_at(from))).bind(2 * MANY).fetch_one(c).await)?;
    Ok((all < 2 * MANY).then_some(delivered))
}

/// The number of deliveries of a hook that were skipped since `from`, at most [`MANY`] + 1. (The
/// second condition on the state is redundant. It is there because SQLite uses a partial index only
/// if the query repeats the condition of the index.)
pub async fn count_skipped(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    hook: HookId,
    from: Timestamp,
) -> Result<i64, Error> {
    let (count,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT COUNT(*) FROM (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'skipped' \
         AND id >= $2
                                 AND state NOT IN ('delivered', 'pending') LIMIT $3)
         AS counted",
    ).bind(hook).bind(DeliveryId(first_at(from))).bind(MANY + 1).fetch_one(c).await)?;
    Ok(count)
}

impl Row {
    pub(super) fn ids(&self) -> (DeliveryId, HookId) {
        (self.id, self.hook_id)
    }

    /// Fails with [`Error::Inconsistent`] if the state or the event type is unknown.
    pub(super) fn delivery(self) -> Result<Delivery, Error> {
        let state = State::from_key(&self.state)
            .ok_or(Error::Inconsistent { table: "deliveries", column: "state" })?;
        let status = self.last_status.and_then(|status| u16::try_from(status).ok());
        Ok(Delivery {
            id: self.id,
            event_id: self.event_id,
            hook_id: self.hook_id,
            event_type: known_event_type(&self.event_type)?,
            state,
            reason: self.reason,
            is_test: self.is_test,
            attempts: count_to_u32(self.attempts),
            last_answer: self.last_class.and_then(|class| Answer::from_stored(&class, status)),
            last_duration_ms: self.last_duration_ms,
            due_at: self.due_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}
