//! Accepted events that no hook listened to, so that nothing was sent. Counted among the newest
//! events only: a page shows it, and a busy installation accepts millions.

use super::{
    db::{Conn, on_db, push_list},
    error::Error,
};
use crate::domain::{
    event::EventType,
    id::{EventId, first_at},
    permission::{Grant, right},
    time::Timestamp,
};

/// Newest events that are looked at.
const MOST: i64 = 10_000;

/// How many of the newest events since `from` have one of these types and no delivery, by type.
pub async fn count(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesRead>,
    types: &[EventType],
    from: Timestamp,
) -> Result<Vec<(EventType, i64)>, Error> {
    if types.is_empty() {
        // `IN ()` is not valid SQL.
        return Ok(Vec::new());
    }
    let keys: Vec<&str> = types.iter().map(|event| event.key()).collect();
    let rows: Vec<(String, i64)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(
            "SELECT event_type, COUNT(*) FROM (SELECT id, event_type, is_test FROM events WHERE \
             id >= ",
        );
        query.push_bind(EventId(first_at(from))).push(" ORDER BY id DESC LIMIT ").push_bind(MOST);
        query.push(") AS newest WHERE NOT is_test AND event_type IN ");
        push_list!(query, &keys);
        query.push(
            " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.event_id = newest.id)
             GROUP BY event_type",
        );
        query.build_query_as().fetch_all(c).await
    })?;
    // An event type of a newer version is not shown.
    let known = |(key, count): (String, i64)| Some((EventType::from_key(&key)?, count));
    Ok(rows.into_iter().filter_map(known).collect())
}
