//! Removing what is old, a little at a time: every step is a command like others and shares their commits, so nothing
//! ever waits for a clean-up. What is removed of deliveries is counted, and the balance still holds.

use uuid::Uuid;

use super::{
    balance,
    db::{Conn, on_db, padded, push_list},
    error::Error,
};
use crate::domain::{
    id::{DeliveryId, EventId, first_at},
    time::Timestamp,
};

/// Rows a step looks at, whatever it finds: a statement that looks for what it may remove among millions that stay would
/// hold up everybody's commits.
const STEP: i64 = 250;

/// What is being removed, and how far that is. Ids sort by birth, so "older than" is a range of the primary key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Bodies of events without anything open, and of the answers to them.
    Payloads { after: Uuid },
    /// Settled deliveries with their attempts.
    Deliveries { after: Uuid },
    /// Events that no delivery belongs to.
    Events { after: Uuid },
}

impl Sweep {
    pub const DELIVERIES: Self = Self::Deliveries { after: Uuid::nil() };
    pub const EVENTS: Self = Self::Events { after: Uuid::nil() };

    /// Of the bodies of what is not older than `from`; from the beginning without it.
    pub fn payloads(from: Option<Timestamp>) -> Self {
        Self::Payloads { after: from.map_or(Uuid::nil(), first_at) }
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug)]
pub struct Swept {
    /// Where to go on; `None` when everything old enough was looked at.
    pub next: Option<Sweep>,
    pub rows: u64,
}

/// One step of a sweep over what is older than `before`.
pub(in crate::engine) async fn step(
    conn: &mut Conn,
    sweep: Sweep,
    before: Timestamp,
    shard: i64,
    now: Timestamp,
) -> Result<Swept, Error> {
    let until = first_at(before);
    match sweep {
        Sweep::Payloads { after } => payloads(conn, after, until, now).await,
        Sweep::Deliveries { after } => settled(conn, after, until, shard).await,
        Sweep::Events { after } => events(conn, after, until).await,
    }
}

/// The ids a step looks at, and which of them go.
struct Look<T> {
    last: Option<Uuid>,
    go: Vec<T>,
}

impl<T> Look<T> {
    fn new(found: Vec<(Uuid, bool)>, id: impl Fn(Uuid) -> T) -> Self {
        let is_all = (found.len() as i64) < STEP;
        let last = found.last().map(|(id, _)| *id).filter(|_| !is_all);
        Self { last, go: found.into_iter().filter(|(_, goes)| *goes).map(|(found, _)| id(found)).collect() }
    }
}

async fn payloads(conn: &mut Conn, after: Uuid, until: Uuid, now: Timestamp) -> Result<Swept, Error> {
    let found = on_db!(conn, c => sqlx::query_as(
        "SELECT e.id, e.pruned_at IS NULL AND NOT EXISTS
           (SELECT 1 FROM deliveries d WHERE d.event_id = e.id AND d.state IN ('pending', 'waiting', 'held'))
         FROM events e WHERE e.id > $1 AND e.id < $2 ORDER BY e.id LIMIT $3",
    ).bind(after).bind(until).bind(STEP).fetch_all(c).await)?;
    let Look { last, go: ids } = Look::new(found, EventId);
    let nothing: &[u8] = &[];
    for ids in padded(&ids) {
        on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(
                "UPDATE attempts SET response_headers = '[]', response_body = ",
            );
            query.push_bind(nothing).push(" WHERE delivery_id IN (SELECT id FROM deliveries WHERE event_id IN ");
            push_list!(query, &ids);
            query.push(")").build().execute(c).await.map(drop)
        })?;
        on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new("UPDATE events SET body = ");
            query.push_bind(nothing).push(", pruned_at = ").push_bind(now).push(" WHERE id IN ");
            push_list!(query, &ids);
            query.build().execute(c).await.map(drop)
        })?;
    }
    Ok(Swept { next: last.map(|after| Sweep::Payloads { after }), rows: ids.len() as u64 })
}

async fn settled(conn: &mut Conn, after: Uuid, until: Uuid, shard: i64) -> Result<Swept, Error> {
    let found = on_db!(conn, c => sqlx::query_as(
        "SELECT id, state IN ('delivered', 'failed', 'skipped', 'cancelled')
         FROM deliveries WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
    ).bind(after).bind(until).bind(STEP).fetch_all(c).await)?;
    let Look { last, go: ids } = Look::new(found, DeliveryId);
    let mut rows = 0;
    for ids in padded(&ids) {
        on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new("DELETE FROM attempts WHERE delivery_id IN ");
            push_list!(query, &ids);
            query.build().execute(c).await.map(drop)
        })?;
        rows += on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new("DELETE FROM deliveries WHERE id IN ");
            push_list!(query, &ids);
            query.build().execute(c).await.map(|done| done.rows_affected())
        })?;
    }
    balance::pruned(conn, rows, shard).await?;
    Ok(Swept { next: last.map(|after| Sweep::Deliveries { after }), rows })
}

async fn events(conn: &mut Conn, after: Uuid, until: Uuid) -> Result<Swept, Error> {
    let found = on_db!(conn, c => sqlx::query_as(
        "SELECT e.id, NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id)
         FROM events e WHERE e.id > $1 AND e.id < $2 ORDER BY e.id LIMIT $3",
    ).bind(after).bind(until).bind(STEP).fetch_all(c).await)?;
    let Look { last, go: ids } = Look::new(found, EventId);
    for ids in padded(&ids) {
        on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new("DELETE FROM events WHERE id IN ");
            push_list!(query, &ids);
            query.build().execute(c).await.map(drop)
        })?;
    }
    Ok(Swept { next: last.map(|after| Sweep::Events { after }), rows: ids.len() as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::Clock;

    #[test]
    fn an_id_lies_between_the_bounds_of_its_moment() {
        let now = Timestamp(1_700_000_000_123);
        let id = Clock::test(now).id();
        assert!(first_at(now) <= id && id < first_at(Timestamp(now.0 + 1)));
        assert_eq!(first_at(Timestamp(-5)), Uuid::nil());
    }
}
