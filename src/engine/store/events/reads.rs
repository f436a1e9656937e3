//! Reads stored events and their bodies.

use std::collections::{HashMap, HashSet};

use crate::{
    domain::{
        event::EventType,
        id::EventId,
        permission::{Grant, Implies, right},
        time::Timestamp,
    },
    engine::store::{
        db::{Conn, on_db, padded, push_list},
        error::Error,
    },
};

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    pub id: EventId,
    pub event_type: EventType,
    pub body: Vec<u8>,
    pub is_test: bool,
    pub source: String,
    pub created_at: Timestamp,
}

/// Finds an event. The grant covers deliveries; showing the body requires a grant for payloads.
pub async fn find(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::DeliveriesRead>>,
    id: EventId,
) -> Result<Option<StoredEvent>, Error> {
    let row: Option<(EventId, String, Vec<u8>, bool, String, Timestamp)> = on_db!(conn,
        c => sqlx::query_as(
        "SELECT id, event_type, body, is_test, source, created_at FROM events WHERE id = $1",
    ).bind(id).fetch_optional(c).await)?;
    let Some((id, type_key, body, is_test, source, created_at)) = row else { return Ok(None) };
    let event_type = EventType::from_key(&type_key)
        .ok_or(Error::Inconsistent { table: "events", column: "event_type" })?;
    Ok(Some(StoredEvent { id, event_type, body, is_test, source, created_at }))
}

/// Reads the bodies of as many of the first events as fit into `max_bytes`, but of at least one.
/// Returns how many of `ids` are covered, and the bodies. Bodies that retention removed are empty.
pub async fn bodies_within(
    conn: &mut Conn,
    _by: &Grant<right::PayloadsRead>,
    ids: &[EventId],
    max_bytes: usize,
) -> Result<(usize, HashMap<EventId, Vec<u8>>), Error> {
    let mut sizes: HashMap<EventId, i64> = HashMap::new();
    for ids in padded(ids) {
        let rows: Vec<(EventId, i64)> = on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT id, CAST(LENGTH(body) AS \
                BIGINT) FROM events WHERE id IN ");
            push_list!(query, &ids);
            query.build_query_as().fetch_all(c).await
        })?;
        sizes.extend(rows);
    }
    let mut total = 0;
    let fits = |id: &&EventId| {
        // `remove` counts an event only once, even if it occurs several times in `ids`.
        total += sizes.remove(*id).and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
        total <= max_bytes
    };
    let count = ids.iter().take_while(fits).count().max(1).min(ids.len());
    let mut found = HashMap::new();
    for ids in padded(&ids[..count]) {
        let rows: Vec<(EventId, Vec<u8>)> = on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT id, body FROM events WHERE \
                id IN ");
            push_list!(query, &ids);
            query.build_query_as().fetch_all(c).await
        })?;
        found.extend(rows);
    }
    Ok((count, found))
}

/// Which of these events have no payload any more: retention removed it.
pub async fn pruned(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::DeliveriesRead>>,
    ids: &[EventId],
) -> Result<HashSet<EventId>, Error> {
    let mut found = HashSet::new();
    for ids in padded(ids) {
        let rows: Vec<(EventId,)> = on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT id FROM events WHERE \
                pruned_at IS NOT NULL AND id IN ");
            push_list!(query, &ids);
            query.build_query_as().fetch_all(c).await
        })?;
        found.extend(rows.into_iter().map(|(id,)| id));
    }
    Ok(found)
}
