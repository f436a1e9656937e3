//! Counts of attempts by hook and hour: written with the attempts, read by the pages that show how
//! hooks do. Tests are not counted: they say nothing of events.

use std::collections::BTreeMap;

use super::{
    db::{Conn, chunks, on_db},
    error::Error,
};
use crate::{
    domain::{
        health::Purpose,
        id::HookId,
        measured::{Hour, PUT_OFF, bucket_of},
        permission::Grant,
    },
    engine::store::finished::Finished,
};

/// What a batch of attempts adds. In order, so that two commits never wait for each other
/// crosswise.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) hours: Vec<((HookId, Hour, &'static str), i64)>,
    pub(super) latencies: Vec<((HookId, Hour, i64), i64)>,
}

impl Sums {
    pub(super) fn of(finished: &[&Finished]) -> Self {
        let (mut hours, mut latencies) = (BTreeMap::new(), BTreeMap::new());
        for finished in finished.iter().filter(|finished| finished.purpose != Purpose::Test) {
            let attempt = &finished.attempt;
            // It says nothing of the receiver, whose figures these are.
            if attempt.answer.is_ours() {
                continue;
            }
            let hour = Hour::of(attempt.started_at);
            // What the receiver put off with a time is neither a success nor a failure.
            let class = if finished.asks.is_some() { PUT_OFF } else { attempt.answer.class() };
            *hours.entry((finished.hook, hour, class)).or_default() += 1;
            *latencies.entry((finished.hook, hour, bucket_of(attempt.duration_ms))).or_default() +=
                1;
        }
        Self { hours: hours.into_iter().collect(), latencies: latencies.into_iter().collect() }
    }
}

/// Adds attempts to the hours they were made in.
pub(super) async fn add(conn: &mut Conn, finished: &[&Finished]) -> Result<(), Error> {
    let sums = Sums::of(finished);
    for chunk in chunks(&sums.hours) {
        on_db!(conn, c: Engine => {
            let mut insert = sqlx::QueryBuilder::<Engine>::new("INSERT INTO hours (hook_id, hour, \
                class, count) ");
            insert.push_values(chunk, |mut row, ((hook, hour, class), count)| {
                row.push_bind(*hook).push_bind(*hour).push_bind(*class).push_bind(*count);
            });
            insert.push(" ON CONFLICT (hook_id, hour, class) DO UPDATE SET count = hours.count + \
                         excluded.count");
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

/// Attempts of an hour that came to the same.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Counted {
    pub hook_id: HookId,
    pub hour: Hour,
    pub class: String,
    pub count: i64,
}

/// Attempts since an hour, of one hook or of all that are there.
pub async fn since(
    conn: &mut Conn,
    _by: &Grant,
    hook: Option<HookId>,
    from: Hour,
) -> Result<Vec<Counted>, Error> {
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

/// How long a hook's attempts took since an hour: hour, bucket, count.
pub async fn latencies(
    conn: &mut Conn,
    _by: &Grant,
    hook: HookId,
    from: Hour,
) -> Result<Vec<(Hour, i64, i64)>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT hour, bucket, count FROM latencies WHERE hook_id = $1 AND hour >= $2 ORDER BY \
         hour, bucket",
    ).bind(hook).bind(from).fetch_all(c).await)?)
}

/// Hooks that a look asks about.
const HOOKS: i64 = 200;
/// Hours of one hook that a step forgets: with every class and bucket a thousand rows or so.
const HOURS: i64 = 24;

/// Hours of one hook that are to be forgotten: those before `before`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Old {
    pub hook: HookId,
    pub before: Hour,
}

impl Old {
    /// From the first hour that a hook has, if that is not kept.
    fn from(hook: HookId, first: Option<Hour>, kept: Hour) -> Option<Self> {
        let first = first.filter(|first| *first < kept)?;
        Some(Self { hook, before: kept.min(Hour(first.0 + HOURS)) })
    }
}

/// Which of the next hooks after `after` have hours before those that are kept, and where to go on.
/// One hook after the other, because the tables are in that order.
pub(in crate::engine) async fn old(
    conn: &mut Conn,
    after: HookId,
    kept: Hour,
) -> Result<(Vec<Old>, Option<HookId>), Error> {
    let rows: Vec<(HookId, Option<Hour>, Option<Hour>)> = on_db!(conn, c => sqlx::query_as(
        "SELECT h.id, (SELECT m.hour FROM hours m WHERE m.hook_id = h.id ORDER BY m.hook_id, \
         m.hour LIMIT 1),
                (SELECT l.hour FROM latencies l WHERE l.hook_id = h.id ORDER BY l.hook_id, l.hour \
                LIMIT 1)
         FROM hooks h WHERE h.id > $1 ORDER BY h.id LIMIT $2",
    ).bind(after).bind(HOOKS).fetch_all(c).await)?;
    let next = rows.last().filter(|_| rows.len() as i64 == HOOKS).map(|(hook, ..)| *hook);
    let old = |(hook, hour, latency): (HookId, Option<Hour>, Option<Hour>)| {
        Old::from(hook, hour.into_iter().chain(latency).min(), kept)
    };
    Ok((rows.into_iter().filter_map(old).collect(), next))
}

/// Forgets some old hours of a hook. Returns what is to be forgotten next.
pub(in crate::engine) async fn forget(
    conn: &mut Conn,
    old: Old,
    kept: Hour,
) -> Result<Option<Old>, Error> {
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
            c => sqlx::query(delete).bind(old.hook).bind(old.before).execute(c).await.map(drop))?;
        let row: Option<(Hour,)> =
            on_db!(conn, c => sqlx::query_as(next).bind(old.hook).fetch_optional(c).await)?;
        first = first.into_iter().chain(row.map(|(hour,)| hour)).min();
    }
    Ok(Old::from(old.hook, first, kept))
}
