//! Removing what is old, a little at a time: every step is a command like others and shares their commits, so nothing
//! ever waits for a clean-up. What is removed of deliveries is counted, and the balance still holds.

use uuid::Uuid;

use super::{
    balance,
    db::{Conn, on_db, padded, push_list},
    error::Error,
};
use crate::domain::{
    id::{DeliveryId, EventId},
    time::Timestamp,
};

/// Rows a step looks at.
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
    /// In this order: an event goes after its deliveries.
    pub const ALL: [Self; 3] = [
        Self::Payloads { after: Uuid::nil() },
        Self::Deliveries { after: Uuid::nil() },
        Self::Events { after: Uuid::nil() },
    ];
}

/// What a step did.
#[derive(Clone, Copy, Debug)]
pub struct Swept {
    /// Where to go on; `None` when everything old enough was looked at.
    pub next: Option<Sweep>,
    pub rows: u64,
}

/// The smallest id that can have been made at `at`.
fn first_id_of(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.0.max(0)).unwrap_or(0) & 0xffff_ffff_ffff;
    Uuid::from_u128(u128::from(millis) << 80)
}

/// One step of a sweep over what is older than `before`.
pub(in crate::engine) async fn step(
    conn: &mut Conn,
    sweep: Sweep,
    before: Timestamp,
    shard: i64,
    now: Timestamp,
) -> Result<Swept, Error> {
    let until = first_id_of(before);
    match sweep {
        Sweep::Payloads { after } => payloads(conn, after, until, now).await,
        Sweep::Deliveries { after } => settled(conn, after, until, shard).await,
        Sweep::Events { after } => events(conn, after, until).await,
    }
}

async fn payloads(conn: &mut Conn, after: Uuid, until: Uuid, now: Timestamp) -> Result<Swept, Error> {
    let found: Vec<(EventId,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT e.id FROM events e WHERE e.id > $1 AND e.id < $2 AND e.pruned_at IS NULL AND NOT EXISTS
           (SELECT 1 FROM deliveries d WHERE d.event_id = e.id AND d.state IN ('pending', 'waiting', 'held'))
         ORDER BY e.id LIMIT $3",
    ).bind(after).bind(until).bind(STEP).fetch_all(c).await)?;
    let ids: Vec<EventId> = found.into_iter().map(|(event,)| event).collect();
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
    let next = ids.last().filter(|_| ids.len() as i64 == STEP).map(|last| Sweep::Payloads { after: last.0 });
    Ok(Swept { next, rows: ids.len() as u64 })
}

async fn settled(conn: &mut Conn, after: Uuid, until: Uuid, shard: i64) -> Result<Swept, Error> {
    let found: Vec<(DeliveryId,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT id FROM deliveries WHERE id > $1 AND id < $2
           AND state IN ('delivered', 'failed', 'skipped', 'cancelled') ORDER BY id LIMIT $3",
    ).bind(after).bind(until).bind(STEP).fetch_all(c).await)?;
    let ids: Vec<DeliveryId> = found.into_iter().map(|(delivery,)| delivery).collect();
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
    let next = ids.last().filter(|_| ids.len() as i64 == STEP).map(|last| Sweep::Deliveries { after: last.0 });
    Ok(Swept { next, rows })
}

async fn events(conn: &mut Conn, after: Uuid, until: Uuid) -> Result<Swept, Error> {
    let found: Vec<(EventId,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT e.id FROM events e WHERE e.id > $1 AND e.id < $2
           AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id) ORDER BY e.id LIMIT $3",
    ).bind(after).bind(until).bind(STEP).fetch_all(c).await)?;
    let ids: Vec<EventId> = found.into_iter().map(|(event,)| event).collect();
    for ids in padded(&ids) {
        on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new("DELETE FROM events WHERE id IN ");
            push_list!(query, &ids);
            query.build().execute(c).await.map(drop)
        })?;
    }
    let next = ids.last().filter(|_| ids.len() as i64 == STEP).map(|last| Sweep::Events { after: last.0 });
    Ok(Swept { next, rows: ids.len() as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::Clock;

    #[test]
    fn an_id_lies_between_the_bounds_of_its_moment() {
        let now = Timestamp(1_700_000_000_123);
        let id = Clock::test(now).id();
        assert!(first_id_of(now) <= id && id < first_id_of(Timestamp(now.0 + 1)));
        assert_eq!(first_id_of(Timestamp(-5)), Uuid::nil());
    }
}
