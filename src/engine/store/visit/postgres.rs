//! On PostgreSQL a visit is one statement, sent and answered once: a commit of a dozen statements spends most of its time
//! on the way. It asks for itself whether what it was planned with still holds, and commits by itself. One of the files
//! that know which engine it is.

use sqlx::{postgres::PgArguments, query::QueryAs};

use super::Unwritten;
use crate::{
    domain::{delivery::State, id::HookId, time::Timestamp},
    engine::store::{
        claim::Fence,
        db::{Conn, Link},
        error::Error,
        events::{Accept, NewEvent, Planned},
        measured::Sums,
        outcomes::Finished,
    },
};

/// Everything, or nothing when a lane is another node's by now or a hook has changed: `fits` says which.
///
/// The lanes are locked one by one in the order of the array, which is sorted as everybody locks them, and stay locked
/// until the commit: see `claim`.
const TEXT: &str = "
WITH ours AS MATERIALIZED (
  SELECT l.hook_id FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS f (hook_id, node_id, fence), LATERAL (
    SELECT hook_id FROM lanes WHERE hook_id = f.hook_id AND node_id = f.node_id AND fence = f.fence FOR SHARE) AS l
), fit AS MATERIALIZED (
  SELECT (SELECT COUNT(*) FROM ours) = cardinality($1)
     AND COALESCE((SELECT value FROM counters WHERE name = 'hooks_version' AND shard = 0) = $4, TRUE) AS fits
), new_events AS (
  INSERT INTO events (id, event_type, body, is_test, source, created_at)
  SELECT e.id, e.event_type, e.body, FALSE, e.source, $5
  FROM fit, unnest($6::uuid[], $7::text[], $8::bytea[], $9::text[]) AS e (id, event_type, body, source) WHERE fits
), new_deliveries AS (
  INSERT INTO deliveries (id, event_id, hook_id, event_type, state, reason, is_test, order_key, size, due_at, created_at,
                          updated_at)
  SELECT d.id, d.event_id, d.hook_id, d.event_type, d.state, d.reason, FALSE, d.order_key, d.size, d.due_at, d.created_at, $5
  FROM fit, unnest($10::uuid[], $11::uuid[], $12::uuid[], $13::text[], $14::text[], $15::text[], $16::text[],
                   $17::bigint[], $18::bigint[], $46::bigint[])
    AS d (id, event_id, hook_id, event_type, state, reason, order_key, size, due_at, created_at) WHERE fits
), new_keys AS (
  INSERT INTO idempotency (key_hash, body_hash, answer, expires_at)
  SELECT k.* FROM fit, unnest($47::bytea[], $48::bytea[], $49::text[], $50::bigint[]) AS k (a, b, c, d) WHERE fits
  -- One that another node remembered just now is a fault of this statement (no answer may be NULL); an expired one is not.
  ON CONFLICT (key_hash) DO UPDATE
  SET body_hash = excluded.body_hash, expires_at = excluded.expires_at,
      answer = CASE WHEN idempotency.expires_at <= $5 THEN excluded.answer END
), counted AS (
  INSERT INTO counters (name, shard, value) SELECT 'accepted', $19, cardinality($10) FROM fit
  WHERE fits AND cardinality($10) > 0
  ON CONFLICT (name, shard) DO UPDATE SET value = counters.value + excluded.value
), made AS MATERIALIZED (
  SELECT a.* FROM fit, unnest($20::uuid[], $21::bigint[], $22::bigint[], $23::bigint[], $24::text[], $25::bigint[],
                              $26::text[], $27::text[], $28::text[], $29::bytea[], $30::bool[], $31::bigint[],
                              $32::bigint[], $33::bigint[], $34::bigint[], $35::bigint[], $36::text[])
    AS a (delivery_id, number, started_at, duration_ms, class, status, detail, url, response_headers, response_body,
          response_cut, dns_us, connect_us, tls_us, first_byte_us, body_us, address) WHERE fits
), new_attempts AS (
  INSERT INTO attempts (delivery_id, number, started_at, duration_ms, class, status, detail, url, response_headers,
                        response_body, response_cut, dns_us, connect_us, tls_us, first_byte_us, body_us, address)
  SELECT * FROM made
), settled AS (
  UPDATE deliveries SET state = 'delivered', due_at = NULL, reason = NULL, attempts = made.number,
                        last_class = made.class, last_status = made.status, last_duration_ms = made.duration_ms,
                        updated_at = $37
  FROM made WHERE deliveries.id = made.delivery_id
), new_hours AS (
  INSERT INTO hours (hook_id, hour, class, count)
  SELECT h.* FROM fit, unnest($38::uuid[], $39::bigint[], $40::text[], $41::bigint[]) AS h (a, b, c, d) WHERE fits
  ON CONFLICT (hook_id, hour, class) DO UPDATE SET count = hours.count + excluded.count
), new_latencies AS (
  INSERT INTO latencies (hook_id, hour, bucket, count)
  SELECT l.* FROM fit, unnest($42::uuid[], $43::bigint[], $44::bigint[], $45::bigint[]) AS l (a, b, c, d) WHERE fits
  ON CONFLICT (hook_id, hour, bucket) DO UPDATE SET count = latencies.count + excluded.count
)
SELECT fits FROM fit";

type Query<'q> = QueryAs<'q, sqlx::Postgres, (bool,), PgArguments>;

/// Writes all of it and commits, or writes nothing. `version`: of the hooks with which the accepts were planned.
pub(in crate::engine::store) async fn commit(
    conn: Option<&mut Conn>,
    shard: i64,
    version: Option<i64>,
    accepts: &[&Accept],
    plans: &[Vec<Vec<Planned>>],
    finished: &[&Finished],
) -> Result<(), Unwritten> {
    let Some(Link::Postgres(conn)) = conn.map(|conn| &mut conn.link) else { return Err(Unwritten::Fault) };
    let query = bind_guards(sqlx::query_as(TEXT), version.filter(|_| !accepts.is_empty()), finished);
    let query = bind_accepts(query, accepts, plans).bind(shard);
    let query = bind_finished(query, finished);
    let query = bind_sums(query, &Sums::of(finished));
    let now = accepts.first().map_or(Timestamp(0), |accept| accept.clock.now());
    let created = plans.iter().flatten().flatten().map(|delivery| delivery.created_at(now).0).collect::<Vec<_>>();
    let query = bind_keys(query.bind(created), accepts, plans);
    // All of the answer, not only its first row: that is there before the commit.
    match query.fetch_all(&mut **conn).await {
        Ok(rows) if rows == [(true,)] => Ok(()),
        Ok(_) => Err(Unwritten::Fault),
        Err(error) => Err(judge(error)),
    }
}

fn judge(error: sqlx::Error) -> Unwritten {
    let is_refusal = matches!(error, sqlx::Error::Database(_));
    let error = Error::from(error);
    match error.is_lost_connection() {
        true => Unwritten::Unknown(error),
        false if is_refusal => Unwritten::Fault,
        false => Unwritten::Failed(error),
    }
}

/// After an answer that never came: did it happen?
pub(in crate::engine::store) async fn was_written(
    conn: &mut Conn,
    accepts: &[&Accept],
    finished: &[&Finished],
) -> Result<bool, Error> {
    let Link::Postgres(conn) = &mut conn.link else { return Ok(false) };
    let events: Vec<&NewEvent> = accepts.iter().flat_map(|accept| &accept.events).collect();
    // All of them: one of the attempts may be on record from an earlier commit, and then this one cannot have happened.
    let found = sqlx::query_as::<_, (bool,)>(
        "SELECT (SELECT COUNT(*) FROM events WHERE id = ANY($1)) = cardinality($1)
            AND (SELECT COUNT(*) FROM attempts a JOIN unnest($2::uuid[], $3::bigint[]) AS f (delivery_id, number)
                   ON a.delivery_id = f.delivery_id AND a.number = f.number) = cardinality($2)",
    );
    let found = found
        .bind(array(&events, |event| event.id.0))
        .bind(array(finished, |finished| finished.delivery.0))
        .bind(array(finished, |finished| i64::from(finished.attempt.number)))
        .fetch_one(&mut **conn)
        .await;
    Ok(found?.0)
}

/// One member of each, as an array.
fn array<I, T>(items: &[I], member: impl FnMut(&I) -> T) -> Vec<T> {
    items.iter().map(member).collect()
}

fn bind_guards<'q>(query: Query<'q>, version: Option<i64>, finished: &[&Finished]) -> Query<'q> {
    let mut fences: Vec<(HookId, Fence)> =
        finished.iter().filter_map(|finished| Some((finished.hook, finished.fence?))).collect();
    fences.sort_unstable_by_key(|(hook, fence)| (*hook, fence.number, fence.node));
    fences.dedup();
    query
        .bind(array(&fences, |(hook, _)| hook.0))
        .bind(array(&fences, |(_, fence)| fence.node.0))
        .bind(array(&fences, |(_, fence)| fence.number))
        .bind(version)
}

fn bind_accepts<'q>(query: Query<'q>, accepts: &[&Accept], plans: &[Vec<Vec<Planned>>]) -> Query<'q> {
    let now = accepts.first().map_or(Timestamp(0), |accept| accept.clock.now());
    let events: Vec<&NewEvent> = accepts.iter().flat_map(|accept| &accept.events).collect();
    let planned = events.iter().zip(plans.iter().flatten());
    let rows: Vec<(&NewEvent, &Planned)> =
        planned.flat_map(|(event, planned)| planned.iter().map(move |delivery| (*event, delivery))).collect();
    let is_due = |delivery: &Planned| delivery.begins().0 == State::Pending;
    query
        .bind(now.0)
        .bind(array(&events, |event| event.id.0))
        .bind(array(&events, |event| event.event_type.key()))
        .bind(array(&events, |event| event.body.to_vec()))
        .bind(array(&events, |event| event.source.clone()))
        .bind(array(&rows, |(_, delivery)| delivery.id.0))
        .bind(array(&rows, |(event, _)| event.id.0))
        .bind(array(&rows, |(_, delivery)| delivery.hook.0))
        .bind(array(&rows, |(event, _)| event.event_type.key()))
        .bind(array(&rows, |(_, delivery)| delivery.begins().0.key()))
        .bind(array(&rows, |(_, delivery)| delivery.begins().1))
        .bind(array(&rows, |(_, delivery)| delivery.order_key.clone()))
        .bind(array(&rows, |(event, _)| event.body.len() as i64))
        .bind(array(&rows, |(_, delivery)| is_due(delivery).then_some(now.0)))
}

fn bind_keys<'q>(query: Query<'q>, accepts: &[&Accept], plans: &[Vec<Vec<Planned>>]) -> Query<'q> {
    let keys: Vec<_> = accepts.iter().zip(plans).filter_map(|(accept, planned)| accept.to_remember(planned)).collect();
    query
        .bind(array(&keys, |(key, ..)| key.key_hash.clone()))
        .bind(array(&keys, |(key, ..)| key.body_hash.clone()))
        .bind(array(&keys, |(_, answer, _)| answer.clone()))
        .bind(array(&keys, |(.., until)| until.0))
}

fn bind_finished<'q>(query: Query<'q>, finished: &[&Finished]) -> Query<'q> {
    let now = finished.first().map_or(Timestamp(0), |finished| finished.clock.now());
    query
        .bind(array(finished, |finished| finished.delivery.0))
        .bind(array(finished, |finished| i64::from(finished.attempt.number)))
        .bind(array(finished, |finished| finished.attempt.started_at.0))
        .bind(array(finished, |finished| finished.attempt.duration_ms))
        .bind(array(finished, |finished| finished.attempt.answer.class()))
        .bind(array(finished, |finished| finished.attempt.answer.status().map(i64::from)))
        .bind(array(finished, |finished| finished.attempt.detail.clone()))
        .bind(array(finished, |finished| finished.attempt.url.clone()))
        // Serialising pairs of strings cannot fail.
        .bind(array(finished, |finished| serde_json::to_string(&finished.attempt.response_headers).unwrap_or_default()))
        .bind(array(finished, |finished| finished.attempt.response_body.as_bytes().to_vec()))
        .bind(array(finished, |finished| finished.attempt.response_cut))
        .bind(array(finished, |finished| finished.attempt.timing.dns))
        .bind(array(finished, |finished| finished.attempt.timing.connect))
        .bind(array(finished, |finished| finished.attempt.timing.tls))
        .bind(array(finished, |finished| finished.attempt.timing.first_byte))
        .bind(array(finished, |finished| finished.attempt.timing.body))
        .bind(array(finished, |finished| finished.attempt.address.clone()))
        .bind(now.0)
}

fn bind_sums<'q>(query: Query<'q>, sums: &Sums) -> Query<'q> {
    query
        .bind(array(&sums.hours, |((hook, ..), _)| hook.0))
        .bind(array(&sums.hours, |((_, hour, _), _)| hour.0))
        .bind(array(&sums.hours, |((.., class), _)| *class))
        .bind(array(&sums.hours, |(_, count)| *count))
        .bind(array(&sums.latencies, |((hook, ..), _)| hook.0))
        .bind(array(&sums.latencies, |((_, hour, _), _)| hour.0))
        .bind(array(&sums.latencies, |((.., bucket), _)| *bucket))
        .bind(array(&sums.latencies, |(_, count)| *count))
}
