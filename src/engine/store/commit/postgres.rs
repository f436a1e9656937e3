//! The executor for PostgreSQL: one statement with data-modifying CTEs, in autocommit mode. A
//! transaction of a dozen statements would spend most of its time in round trips. The statement
//! itself checks that the plan is not stale. One of the files that may know which database engine
//! is in use.

use sqlx::{postgres::PgArguments, query::QueryAs};

use super::Unwritten;
use crate::{
    domain::id::HookId,
    engine::store::{
        claim::Fence,
        commit::plan::Rows,
        db::Conn,
        error::Error,
        events::{Accept, NewEvent},
        finished::Finished,
        rows::columns,
    },
};

/// Writes all rows, or none if a fencing token is stale or a hook changed; returns `fits`, which is
/// true if it wrote them. Each table's rows are passed as one array per column, in the order of
/// `columns!`.
///
/// The lateral join locks the lanes one by one, in the order of the array `$1`. The array is sorted
/// by hook id, the lock order of all transactions on `lanes` (see
/// [`claim`](crate::engine::store::claim)). The share locks are held until the commit, so no node
/// can take over a lane in between.
const TEXT: &str = concat!(
    "
WITH ours AS MATERIALIZED (
  SELECT l.hook_id FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS f (hook_id, node_id, \
  fence), LATERAL (
    SELECT hook_id FROM lanes WHERE hook_id = f.hook_id AND node_id = f.node_id AND fence = \
    f.fence FOR SHARE) AS l
), fit AS MATERIALIZED (
  SELECT (SELECT COUNT(*) FROM ours) = cardinality($1)
     AND COALESCE((SELECT value FROM counters WHERE name = 'hooks_version' AND shard = 0) = $4, \
     TRUE) AS fits
), new_events AS (
  INSERT INTO events (",
    columns!(events),
    ")
  SELECT e.* FROM fit, unnest($6::uuid[], $7::text[], $8::bytea[], $9::bool[], $10::text[], \
  $11::bigint[]) AS e WHERE fits
), new_deliveries AS (
  INSERT INTO deliveries (",
    columns!(deliveries),
    ")
  SELECT d.* FROM fit, unnest($12::uuid[], $13::uuid[], $14::uuid[], $15::text[], $16::text[], \
  $17::text[], $18::bool[],
                              $19::text[], $20::bigint[], $21::bigint[], $22::bigint[], \
                              $23::bigint[]) AS d WHERE fits
), new_keys AS (
  INSERT INTO idempotency (",
    columns!(idempotency),
    ")
  SELECT k.* FROM fit, unnest($24::bytea[], $25::bytea[], $26::text[], $27::bigint[]) AS k WHERE \
  fits
  -- One that another node remembered just now is a fault of this statement (no answer may be \
  NULL); an expired one is not.
  ON CONFLICT (key_hash) DO UPDATE
  SET body_hash = excluded.body_hash, expires_at = excluded.expires_at,
      answer = CASE WHEN idempotency.expires_at <= $5 THEN excluded.answer END
), counted AS (
  INSERT INTO counters (name, shard, value) SELECT 'accepted', $28, cardinality($12) FROM fit
  WHERE fits AND cardinality($12) > 0
  ON CONFLICT (name, shard) DO UPDATE SET value = counters.value + excluded.value
), made (",
    columns!(attempts),
    ") AS MATERIALIZED (
  SELECT a.* FROM fit, unnest($29::uuid[], $30::bigint[], $31::bigint[], $32::bigint[], \
  $33::text[], $34::bigint[],
                              $35::text[], $36::text[], $37::text[], $38::bytea[], $39::bool[], \
                              $40::bigint[],
                              $41::bigint[], $42::bigint[], $43::bigint[], $44::bigint[], \
                              $45::text[]) AS a WHERE fits
), new_attempts AS (
  INSERT INTO attempts (",
    columns!(attempts),
    ") SELECT * FROM made
), settled AS (
  UPDATE deliveries SET state = 'delivered', due_at = NULL, reason = NULL, attempts = made.number,
                        last_class = made.class, last_status = made.status, last_duration_ms = \
                        made.duration_ms,
                        updated_at = $5
  FROM made WHERE deliveries.id = made.delivery_id RETURNING dismissal_id
), arrived AS (
  -- Dismissed during its attempt: it arrived, so it does not count as dismissed.
  UPDATE dismissals SET number = dismissals.number - a.number FROM (
    SELECT dismissal_id, COUNT(*) AS number FROM settled WHERE dismissal_id IS NOT NULL
    GROUP BY dismissal_id) AS a WHERE dismissals.id = a.dismissal_id
), new_hours AS (
  INSERT INTO hours (hook_id, hour, class, count, last_at)
  SELECT h.* FROM fit, unnest($46::uuid[], $47::bigint[], $48::text[], $49::bigint[], \
  $50::bigint[]) AS h (a, b, c, d, e) WHERE fits
  ON CONFLICT (hook_id, hour, class) DO UPDATE SET count = hours.count + excluded.count,
    last_at = CASE WHEN excluded.last_at > hours.last_at THEN excluded.last_at
                   ELSE hours.last_at END
), new_latencies AS (
  INSERT INTO latencies (hook_id, hour, bucket, count)
  SELECT l.* FROM fit, unnest($51::uuid[], $52::bigint[], $53::bigint[], $54::bigint[]) AS l (a, \
  b, c, d) WHERE fits
  ON CONFLICT (hook_id, hour, bucket) DO UPDATE SET count = latencies.count + excluded.count
)
SELECT fits FROM fit"
);

type Query<'q> = QueryAs<'q, sqlx::Postgres, (bool,), PgArguments>;

/// Preconditions, checked by the statement itself.
pub(in crate::engine::store) struct Guards {
    /// `hooks_version` with which the accepts were planned; `None` if there are no accepts.
    version: Option<i64>,
    /// The fencing tokens under which the attempts were sent.
    fences: Vec<(HookId, Fence)>,
}

impl Guards {
    pub(in crate::engine::store) fn new(
        version: Option<i64>,
        accepts: &[&Accept],
        finished: &[&Finished],
    ) -> Self {
        let fence = |finished: &&Finished| Some((finished.hook, finished.fence?));
        let mut fences: Vec<(HookId, Fence)> = finished.iter().filter_map(fence).collect();
        fences.sort_unstable_by_key(|(hook, fence)| (*hook, fence.number, fence.node));
        fences.dedup();
        Self { version: version.filter(|_| !accepts.is_empty()), fences }
    }
}

/// Commits all rows or none. `shard` is the counter shard of this process.
pub(in crate::engine::store) async fn commit(
    conn: Option<&mut Conn>,
    shard: i64,
    guards: &Guards,
    rows: &Rows<'_>,
) -> Result<(), Unwritten> {
    let Some(conn) = conn.and_then(Conn::postgres) else { return Err(Unwritten::Stale) };
    let query = sqlx::query_as(TEXT)
        .bind(array(&guards.fences, |(hook, _)| hook.0))
        .bind(array(&guards.fences, |(_, fence)| fence.node.0))
        .bind(array(&guards.fences, |(_, fence)| fence.number))
        .bind(guards.version)
        .bind(rows.now.0);
    let query = bind_attempts(bind_accepts(query, rows).bind(shard), rows);
    // `fetch_all` reads to the end of the reply: the first row arrives before the commit.
    match bind_sums(query, rows).fetch_all(&mut *conn).await {
        Ok(reply) if reply == [(true,)] => Ok(()),
        Ok(_) => Err(Unwritten::Stale),
        Err(error) => Err(classify(error)),
    }
}

/// An error reported by PostgreSQL rolled the statement back, so nothing was written. After a lost
/// connection the outcome is unknown.
fn classify(error: sqlx::Error) -> Unwritten {
    let is_from_database = matches!(error, sqlx::Error::Database(_));
    let error = Error::from(error);
    match error.is_lost_connection() {
        true => Unwritten::Unknown(error),
        false if is_from_database => Unwritten::Fault(error),
        false => Unwritten::Failed(error),
    }
}

/// After a commit without a reply: was it committed?
pub(in crate::engine::store) async fn was_written(
    conn: &mut Conn,
    accepts: &[&Accept],
    finished: &[&Finished],
) -> Result<bool, Error> {
    let Some(conn) = conn.postgres() else { return Ok(false) };
    let events: Vec<&NewEvent> = accepts.iter().flat_map(|accept| &accept.events).collect();
    // Check all rows, not just one: an attempt may be on record from an earlier commit, and then
    // this commit failed with a unique violation.
    let found = sqlx::query_as::<_, (bool,)>(
        "SELECT (SELECT COUNT(*) FROM events WHERE id = ANY($1)) = cardinality($1)
            AND (SELECT COUNT(*) FROM attempts a JOIN unnest($2::uuid[], $3::bigint[]) AS f \
            (delivery_id, number)
                   ON a.delivery_id = f.delivery_id AND a.number = f.number) = cardinality($2)",
    );
    let found = found
        .bind(array(&events, |event| event.id.0))
        .bind(array(finished, |finished| finished.delivery.0))
        .bind(array(finished, |finished| i64::from(finished.attempt.number)))
        .fetch_one(&mut *conn)
        .await;
    Ok(found?.0)
}

/// One column of the rows, as an array.
fn array<'a, I, T>(items: &'a [I], column: impl FnMut(&'a I) -> T) -> Vec<T> {
    items.iter().map(column).collect()
}

/// Binds `$6` to `$27`: events, deliveries and idempotency keys.
fn bind_accepts<'q>(query: Query<'q>, rows: &Rows<'q>) -> Query<'q> {
    let Rows { events, deliveries, keys, .. } = rows;
    query
        .bind(array(events, |row| row.id.0))
        .bind(array(events, |row| row.event_type))
        .bind(array(events, |row| row.body))
        .bind(array(events, |row| row.is_test))
        .bind(array(events, |row| row.source))
        .bind(array(events, |row| row.created_at.0))
        .bind(array(deliveries, |row| row.id.0))
        .bind(array(deliveries, |row| row.event.0))
        .bind(array(deliveries, |row| row.hook.0))
        .bind(array(deliveries, |row| row.event_type))
        .bind(array(deliveries, |row| row.state))
        .bind(array(deliveries, |row| row.reason))
        .bind(array(deliveries, |row| row.is_test))
        .bind(array(deliveries, |row| row.order_key))
        .bind(array(deliveries, |row| row.size))
        .bind(array(deliveries, |row| row.due_at.map(|at| at.0)))
        .bind(array(deliveries, |row| row.created_at.0))
        .bind(array(deliveries, |row| row.updated_at.0))
        .bind(array(keys, |row| row.key_hash))
        .bind(array(keys, |row| row.body_hash))
        .bind(array(keys, |row| row.answer.clone()))
        .bind(array(keys, |row| row.expires_at.0))
}

/// Binds `$29` to `$45`.
fn bind_attempts<'q>(query: Query<'q>, rows: &Rows<'q>) -> Query<'q> {
    let attempts = &rows.attempts;
    query
        .bind(array(attempts, |row| row.delivery.0))
        .bind(array(attempts, |row| row.number))
        .bind(array(attempts, |row| row.started_at.0))
        .bind(array(attempts, |row| row.duration_ms))
        .bind(array(attempts, |row| row.class))
        .bind(array(attempts, |row| row.status))
        .bind(array(attempts, |row| row.detail))
        .bind(array(attempts, |row| row.url))
        .bind(array(attempts, |row| row.response_headers.clone()))
        .bind(array(attempts, |row| row.response_body))
        .bind(array(attempts, |row| row.response_cut))
        .bind(array(attempts, |row| row.dns_us))
        .bind(array(attempts, |row| row.connect_us))
        .bind(array(attempts, |row| row.tls_us))
        .bind(array(attempts, |row| row.first_byte_us))
        .bind(array(attempts, |row| row.body_us))
        .bind(array(attempts, |row| row.address))
}

/// Binds `$46` to `$54`: the increments of the hourly statistics.
fn bind_sums<'q>(query: Query<'q>, Rows { sums, .. }: &Rows<'q>) -> Query<'q> {
    query
        .bind(array(&sums.hours, |((hook, ..), _)| hook.0))
        .bind(array(&sums.hours, |((_, hour, _), _)| hour.0))
        .bind(array(&sums.hours, |((.., class), _)| *class))
        .bind(array(&sums.hours, |(_, tally)| tally.count))
        .bind(array(&sums.hours, |(_, tally)| tally.last_at.0))
        .bind(array(&sums.latencies, |((hook, ..), _)| hook.0))
        .bind(array(&sums.latencies, |((_, hour, _), _)| hour.0))
        .bind(array(&sums.latencies, |((.., bucket), _)| *bucket))
        .bind(array(&sums.latencies, |(_, count)| *count))
}
