//! Finds deliveries, events and jobs by their id or the beginning of it.

use uuid::Uuid;

use super::{
    db::{Conn, on_db},
    deliveries::{Row, SELECT},
    error::Error,
    rows::known_event_type,
};
use crate::domain::{
    delivery::Delivery,
    event::EventType,
    id::{EventId, JobId},
    permission::{Grant, right},
};

/// The ids that begin alike: from the smallest to the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    pub first: Uuid,
    pub last: Uuid,
}

/// Deliveries with one of these ids, oldest first.
pub async fn deliveries(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    ids: Ids,
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    let rows: Vec<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE id >= ").push_bind(ids.first).push(" AND id <= ").push_bind(ids.last);
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
        query.build_query_as().fetch_all(c).await
    })?;
    rows.into_iter().map(Row::delivery).collect()
}

/// Events with one of these ids and their types, oldest first.
pub async fn events(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    ids: Ids,
    limit: u32,
) -> Result<Vec<(EventId, EventType)>, Error> {
    let rows: Vec<(EventId, String)> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, event_type FROM events WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT $3",
    ).bind(ids.first).bind(ids.last).bind(i64::from(limit)).fetch_all(c).await)?;
    rows.into_iter().map(|(id, key)| Ok((id, known_event_type(&key)?))).collect()
}

/// Jobs with one of these ids, oldest first.
pub async fn jobs(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    ids: Ids,
    limit: u32,
) -> Result<Vec<JobId>, Error> {
    let rows: Vec<(JobId,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT id FROM jobs WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT $3",
    ).bind(ids.first).bind(ids.last).bind(i64::from(limit)).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
