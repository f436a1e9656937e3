//! The writes of retention. Each first locks its rows, skipping rows that are locked by others, and
//! then checks in the next statement whether they may still be removed. Earlier changes by other
//! nodes are visible to that check; later ones wait for the locks.

use uuid::Uuid;

use super::Part;
use crate::{
    domain::{
        id::{DeliveryId, EventId},
        time::Timestamp,
    },
    engine::store::{
        balance,
        db::{Conn, on_db, padded, push_list},
        error::Error,
    },
};

/// Removes the rows of a part that may still be removed, and returns how many there were.
pub(in crate::engine) async fn remove(
    conn: &mut Conn,
    part: &Part,
    shard: i64,
    now: Timestamp,
) -> Result<u64, Error> {
    let mut rows = 0;
    match part {
        Part::Bodies(ids) => {
            for ids in padded(ids) {
                rows += clear_bodies(conn, &ids, now).await?;
            }
        }
        Part::Answers(ids) => {
            for ids in padded(ids) {
                clear_answers(conn, &ids).await?;
            }
        }
        Part::Deliveries(ids) => {
            for ids in padded(ids) {
                rows += delete_settled(conn, &ids).await?;
            }
            balance::pruned(conn, rows, shard).await?;
        }
        // Deliveries are only inserted together with their event, so an event without deliveries
        // gets none later.
        Part::Events(ids) => {
            rows =
                delete(conn, "DELETE FROM events WHERE id IN ", ids.iter().map(|id| id.0)).await?
        }
        Part::Audit(ids) => {
            rows = delete(conn, "DELETE FROM audit WHERE id IN ", ids.iter().copied()).await?
        }
    }
    Ok(rows)
}

/// Clears the bodies of events without open deliveries. Reopening a delivery locks its event first
/// (see `deliveries::redeliver`). So a reopened delivery is either visible here, or it waits for
/// this transaction and finds no body.
async fn clear_bodies(conn: &mut Conn, ids: &[EventId], now: Timestamp) -> Result<u64, Error> {
    let (lock, empty) = (conn.skip_locked(), &[] as &[u8]);
    let locked: Vec<(EventId,)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT id FROM events WHERE pruned_at \
            IS NULL AND id IN ");
        push_list!(query, ids);
        query.push(" ORDER BY id").push(lock).build_query_as().fetch_all(c).await
    })?;
    let locked: Vec<EventId> = locked.into_iter().map(|(id,)| id).collect();
    let mut emptied: Vec<(EventId,)> = Vec::new();
    for locked in padded(&locked) {
        emptied.extend(on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new("UPDATE events SET body = ");
            query.push_bind(empty).push(", pruned_at = ").push_bind(now).push(" WHERE id IN ");
            push_list!(query, &locked);
            query.push(
                " AND pruned_at IS NULL AND NOT EXISTS (SELECT 1 FROM deliveries d
                    WHERE d.event_id = events.id AND d.state IN ('pending', 'waiting', 'held')) \
                    RETURNING id",
            );
            query.build_query_as::<(EventId,)>().fetch_all(c).await
        })?);
    }
    let emptied: Vec<EventId> = emptied.into_iter().map(|(id,)| id).collect();
    for emptied in padded(&emptied) {
        clear_delivery_data(conn, &emptied).await?;
    }
    Ok(emptied.len() as u64)
}

/// Clears the other personal data of these events: responses and ordering keys.
async fn clear_delivery_data(conn: &mut Conn, events: &[EventId]) -> Result<(), Error> {
    let deliveries: Vec<(DeliveryId, bool, bool)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(
            "SELECT id, attempts > 0, order_key IS NOT NULL FROM deliveries WHERE event_id IN ",
        );
        push_list!(query, events);
        query.build_query_as().fetch_all(c).await
    })?;
    let ids_where = |wanted: fn(&(DeliveryId, bool, bool)) -> bool| {
        deliveries.iter().filter(|row| wanted(row)).map(|(id, ..)| *id).collect::<Vec<_>>()
    };
    for tried in padded(&ids_where(|(_, is_tried, _)| *is_tried)) {
        clear_answers(conn, &tried).await?;
    }
    let lock = conn.skip_locked();
    for ordered in padded(&ids_where(|(.., is_ordered)| *is_ordered)) {
        on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(
                "UPDATE deliveries SET order_key = NULL WHERE id IN (SELECT id FROM deliveries \
                 WHERE id IN ",
            );
            push_list!(query, &ordered);
            query.push(" ORDER BY id").push(lock).push(")").build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Clears the stored responses of attempts; their status and timing stay.
async fn clear_answers(conn: &mut Conn, ids: &[DeliveryId]) -> Result<(), Error> {
    let empty: &[u8] = &[];
    on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("UPDATE attempts SET response_headers = \
            '[]', response_body = ");
        query.push_bind(empty).push(" WHERE delivery_id IN ");
        push_list!(query, ids);
        query.build().execute(c).await.map(drop)
    })?;
    Ok(())
}

/// Deletes settled deliveries with their attempts. Skips deliveries that are locked, because they
/// are being reopened or recorded.
async fn delete_settled(conn: &mut Conn, ids: &[DeliveryId]) -> Result<u64, Error> {
    let lock = conn.skip_locked();
    let settled: Vec<(DeliveryId,)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(
            "SELECT id FROM deliveries WHERE state IN ('delivered', 'failed', 'skipped', \
             'cancelled') AND id IN ",
        );
        push_list!(query, ids);
        query.push(" ORDER BY id").push(lock).build_query_as().fetch_all(c).await
    })?;
    let settled: Vec<DeliveryId> = settled.into_iter().map(|(id,)| id).collect();
    let mut rows = 0;
    for settled in padded(&settled) {
        delete(conn, "DELETE FROM attempts WHERE delivery_id IN ", settled.iter().map(|id| id.0))
            .await?;
        rows += delete(conn, "DELETE FROM deliveries WHERE id IN ", settled.iter().map(|id| id.0))
            .await?;
    }
    Ok(rows)
}

/// Runs a delete statement for ids in batches, and returns how many rows it deleted.
async fn delete(
    conn: &mut Conn,
    statement: &'static str,
    ids: impl Iterator<Item = Uuid>,
) -> Result<u64, Error> {
    let mut rows = 0;
    for ids in padded(&ids.collect::<Vec<_>>()) {
        rows += on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(statement);
            push_list!(query, &ids);
            query.build().execute(c).await.map(|done| done.rows_affected())
        })?;
    }
    Ok(rows)
}
