//! Hourly counts of attempts by hook and answer class, and histograms of their latency. Written in
//! the transaction that records the attempts; read for the charts of a hook. Tests are not counted.

use std::collections::{BTreeMap, HashMap};

use super::{
    db::{Conn, chunks, on_db},
    error::Error,
};
use crate::{
    domain::{
        health::Purpose,
        id::HookId,
        measured::{Hour, Outcomes, POSTPONED, bucket_of},
        permission::{Grant, Implies, right},
        time::Timestamp,
    },
    engine::store::finished::Finished,
};

/// How many attempts of one class an hour has, and when the last of them started.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) count: i64,
    pub(super) last_at: Timestamp,
}

/// The increments of a batch of attempts. Sorted, so that two commits lock rows in the same order
/// and cannot deadlock.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) hours: Vec<((HookId, Hour, &'static str), Tally)>,
    pub(super) latencies: Vec<((HookId, Hour, i64), i64)>,
}

impl Sums {
    /// Sums up a batch of attempts.
    pub(super) fn of(finished: &[&Finished]) -> Self {
        let mut hours: BTreeMap<_, Tally> = BTreeMap::new();
        let mut latencies = BTreeMap::new();
        for finished in finished.iter().filter(|finished| finished.purpose != Purpose::Test) {
            let attempt = &finished.attempt;
            // A fault on our side says nothing about the receiver, and these are its statistics.
            if attempt.answer.is_ours() {
                continue;
            }
            let hour = Hour::of(attempt.started_at);
            // A postponement by the receiver (such as `Retry-After`) is neither a success nor a
            // failure.
            let class =
                if finished.retry_after.is_some() { POSTPONED } else { attempt.answer.class() };
            let tally = hours.entry((finished.hook, hour, class)).or_default();
            tally.count += 1;
            tally.last_at = tally.last_at.max(attempt.started_at);
            *latencies.entry((finished.hook, hour, bucket_of(attempt.duration_ms))).or_default() +=
                1;
        }
        Self { hours: hours.into_iter().collect(), latencies: latencies.into_iter().collect() }
    }
}

/// Adds attempts to the counts of the hours in which they started.
pub(super) async fn add(conn: &mut Conn, finished: &[&Finished]) -> Result<(), Error> {
    let sums = Sums::of(finished);
    for chunk in chunks(&sums.hours) {
        on_db!(conn, c: Engine => {
            let mut insert = sqlx::QueryBuilder::<Engine>::new("INSERT INTO hours (hook_id, hour, \
                class, count, last_at) ");
            insert.push_values(chunk, |mut row, ((hook, hour, class), tally)| {
                row.push_bind(*hook).push_bind(*hour).push_bind(*class).push_bind(tally.count)
                    .push_bind(tally.last_at);
            });
            insert.push(" ON CONFLICT (hook_id, hour, class) DO UPDATE SET count = hours.count + \
                         excluded.count, last_at = CASE WHEN excluded.last_at > hours.last_at \
                         THEN excluded.last_at ELSE hours.last_at END");
            insert.build().execute(c).await.map(drop)
        })?;
    }
    for chunk in chunks(&sums.latencies) {
        on_db!(conn, c: Engine => {
            let mut insert = sqlx::QueryBuilder::<Engine>::new("INSERT INTO latencies (hook_id, \
                hour, bucket, count) ");
            insert.push_values(chunk, |mut row, ((hook, hour, bucket), count)| {
                row.push_bind(*hook).push_bind(*hour).push_bind(*bucket).push_bind(*count);
            });
            insert.push(" ON CONFLICT (hook_id, hour, bucket) DO UPDATE SET count = \
                         latencies.count + excluded.count");
            insert.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// The attempts of one hook in one hour that had the same class of answer.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct HourCount {
    pub hook_id: HookId,
    pub hour: Hour,
    pub class: String,
    pub count: i64,
}

/// Counts from an hour on, of one hook or of all hooks that are not deleted.
pub async fn since(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    hook: Option<HookId>,
    from: Hour,
) -> Result<Vec<HourCount>, Error> {
    let found = match hook {
        Some(hook) => on_db!(conn, c => sqlx::query_as(
            "SELECT hook_id, hour, class, count FROM hours WHERE hook_id = $1 AND hour >= $2 ORDER \
             BY hour, class",
        ).bind(hook).bind(from).fetch_all(c).await)?,
        None => on_db!(conn, c => sqlx::query_as(
            "SELECT m.hook_id, m.hour, m.class, m.count FROM hooks h CROSS JOIN hours m
             WHERE m.hook_id = h.id AND m.hour >= $1 AND h.deleted_at IS NULL ORDER BY m.hook_id, \
             m.hour, m.class",
        ).bind(from).fetch_all(c).await)?,
    };
    Ok(found)
}

/// Latency histogram of a hook from an hour on: hour, bucket, count.
pub async fn latencies(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    hook: HookId,
    from: Hour,
) -> Result<Vec<(Hour, i64, i64)>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT hour, bucket, count FROM latencies WHERE hook_id = $1 AND hour >= $2 ORDER BY \
         hour, bucket",
    ).bind(hook).bind(from).fetch_all(c).await)?)
}

/// The outcomes of the attempts of each hook from an hour on, summed up; with `only`, of that hook.
/// A hook's status follows from them, so whoever may see hooks gets the same status.
pub async fn outcomes_since(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::HooksRead>>,
    only: Option<HookId>,
    from: Hour,
) -> Result<HashMap<HookId, Outcomes>, Error> {
    let rows: Vec<(HookId, String, i64)> = match only {
        Some(hook) => on_db!(conn, c => sqlx::query_as(
            "SELECT hook_id, class, CAST(SUM(count) AS BIGINT) FROM hours WHERE hook_id = $1 AND \
             hour >= $2 GROUP BY hook_id, class",
        ).bind(hook).bind(from).fetch_all(c).await)?,
        None => on_db!(conn, c => sqlx::query_as(
            "SELECT m.hook_id, m.class, CAST(SUM(m.count) AS BIGINT) FROM hooks h CROSS JOIN hours \
             m
             WHERE m.hook_id = h.id AND m.hour >= $1 AND h.deleted_at IS NULL GROUP BY m.hook_id, \
             m.class",
        ).bind(from).fetch_all(c).await)?,
    };
    let mut outcomes: HashMap<HookId, Outcomes> = HashMap::new();
    for (hook, class, count) in rows {
        outcomes.entry(hook).or_default().add(&class, count);
    }
    Ok(outcomes)
}

/// When the last attempt of a hook started, and the last one that succeeded. Tests don't count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastAttempts {
    pub attempt: Option<Timestamp>,
    pub success: Option<Timestamp>,
}

/// The start of a row's last attempt. A row of an earlier version knows only its hour.
macro_rules! last_at {
    () => {
        "CASE WHEN m.last_at > 0 THEN m.last_at ELSE m.hour * 3600000 END"
    };
}

/// The last attempts of each hook that is not deleted; with `only`, of that hook.
pub async fn last_attempts(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    only: Option<HookId>,
) -> Result<HashMap<HookId, LastAttempts>, Error> {
    let rows: Vec<(HookId, Option<Timestamp>, Option<Timestamp>)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(concat!(
            "SELECT h.id, (SELECT MAX(", last_at!(), ") FROM hours m WHERE m.hook_id = h.id AND \
             m.hour = (SELECT n.hour FROM hours n WHERE n.hook_id = h.id ORDER BY n.hook_id DESC, \
             n.hour DESC LIMIT 1)), (SELECT ", last_at!(), " FROM hours m WHERE m.hook_id = h.id \
             AND m.class = 'success' ORDER BY m.hook_id DESC, m.hour DESC LIMIT 1)
             FROM hooks h WHERE h.deleted_at IS NULL"
        ));
        if let Some(hook) = only {
            query.push(" AND h.id = ").push_bind(hook);
        }
        query.build_query_as().fetch_all(c).await
    })?;
    let last = |(hook, attempt, success)| (hook, LastAttempts { attempt, success });
    Ok(rows.into_iter().map(last).collect())
}

/// Latency histograms of all hooks from an hour on, summed up: hook, bucket, count.
pub async fn latencies_of_all(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    from: Hour,
) -> Result<Vec<(HookId, i64, i64)>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT m.hook_id, m.bucket, CAST(SUM(m.count) AS BIGINT) FROM hooks h CROSS JOIN \
         latencies m
         WHERE m.hook_id = h.id AND m.hour >= $1 AND h.deleted_at IS NULL GROUP BY m.hook_id, \
         m.bucket",
    ).bind(from).fetch_all(c).await)?)
}

/// Hooks that one read checks for expired hours.
const HOOKS_PER_PAGE: i64 = 200;
/// Hours of one hook that one step deletes: about a thousand rows with all classes and buckets.
const HOURS_PER_STEP: i64 = 24;

/// Hours of one hook to delete: those before `before`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    pub hook: HookId,
    pub before: Hour,
}

impl Expired {
    /// The next step for a hook whose first stored hour is `first`; `None` if that hour is kept.
    fn from(hook: HookId, first: Option<Hour>, oldest_kept: Hour) -> Option<Self> {
        let first = first.filter(|first| *first < oldest_kept)?;
        Some(Self { hook, before: oldest_kept.min(Hour(first.0 + HOURS_PER_STEP)) })
    }
}

/// Of the next hooks after `after`, those with hours before `oldest_kept`, and where to continue.
/// Hook by hook, because the tables are keyed by hook first.
pub(in crate::engine) async fn find_expired(
    conn: &mut Conn,
    after: HookId,
    oldest_kept: Hour,
) -> Result<(Vec<Expired>, Option<HookId>), Error> {
    let rows: Vec<(HookId, Option<Hour>, Option<Hour>)> = on_db!(conn, c => sqlx::query_as(
        "SELECT h.id, (SELECT m.hour FROM hours m WHERE m.hook_id = h.id ORDER BY m.hook_id, \
         m.hour LIMIT 1),
                (SELECT l.hour FROM latencies l WHERE l.hook_id = h.id ORDER BY l.hook_id, l.hour \
                LIMIT 1)
         FROM hooks h WHERE h.id > $1 ORDER BY h.id LIMIT $2",
    ).bind(after).bind(HOOKS_PER_PAGE).fetch_all(c).await)?;
    let next = rows.last().filter(|_| rows.len() as i64 == HOOKS_PER_PAGE).map(|(hook, ..)| *hook);
    let expired = |(hook, hour, latency): (HookId, Option<Hour>, Option<Hour>)| {
        Expired::from(hook, hour.into_iter().chain(latency).min(), oldest_kept)
    };
    Ok((rows.into_iter().filter_map(expired).collect(), next))
}

/// Deletes one step of expired hours of a hook. Returns the next step, if any.
pub(in crate::engine) async fn delete_expired(
    conn: &mut Conn,
    expired: Expired,
    oldest_kept: Hour,
) -> Result<Option<Expired>, Error> {
    // Both tables are cleared up to the same hour; the next step begins at the first hour that is
    // left in either.
    let mut first = None;
    for (delete, next) in [
        (
            "DELETE FROM hours WHERE hook_id = $1 AND hour < $2",
            "SELECT hour FROM hours WHERE hook_id = $1 ORDER BY hook_id, hour LIMIT 1",
        ),
        (
            "DELETE FROM latencies WHERE hook_id = $1 AND hour < $2",
            "SELECT hour FROM latencies WHERE hook_id = $1 ORDER BY hook_id, hour LIMIT 1",
        ),
    ] {
        on_db!(conn,
            c => sqlx::query(delete).bind(expired.hook).bind(expired.before)
                .execute(c).await.map(drop))?;
        let row: Option<(Hour,)> =
            on_db!(conn, c => sqlx::query_as(next).bind(expired.hook).fetch_optional(c).await)?;
        first = first.into_iter().chain(row.map(|(hour,)| hour)).min();
    }
    Ok(Expired::from(expired.hook, first, oldest_kept))
}
