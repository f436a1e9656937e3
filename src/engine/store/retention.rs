//! Retention: removes expired data in small batches. A read connection scans for removable rows;
//! each write is a command of its own, small enough not to delay other commits. Rows may change
//! between the two, on this node or another, so every write checks its conditions again on rows
//! that it has locked.
//!
//! Removed deliveries are counted, so that the balance (accepted = sum of states + pruned) still
//! holds.

mod remove;

pub(in crate::engine) use remove::remove;
use uuid::Uuid;

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::domain::{
    id::{DeliveryId, EventId, first_at},
    time::Timestamp,
};

/// Rows that one scan reads.
const SCAN_ROWS: usize = 1000;
/// Limits of one command: rows (deliveries and their attempts together), and bytes of bodies.
const MAX_ROWS: i64 = 500;
const MAX_BYTES: i64 = 2 * 1024 * 1024;

/// What is being removed, and the cursor: the last id that was scanned. Ids sort by creation time,
/// so "older than" is a range of the primary key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Bodies of events that have no open delivery, with the ordering keys of their deliveries and
    /// the responses to them.
    Payloads { after: Uuid },
    /// Settled deliveries with their attempts.
    Deliveries { after: Uuid },
    /// Events without deliveries.
    Events { after: Uuid },
    /// Entries of the audit log.
    Audit { after: Uuid },
}

impl Sweep {
    pub const DELIVERIES: Self = Self::Deliveries { after: Uuid::nil() };
    pub const EVENTS: Self = Self::Events { after: Uuid::nil() };
    pub const AUDIT: Self = Self::Audit { after: Uuid::nil() };

    /// A sweep over bodies that starts at the id `from`, or at the oldest.
    pub fn payloads(from: Option<Uuid>) -> Self {
        Self::Payloads { after: from.unwrap_or(Uuid::nil()) }
    }
}

/// The rows that one command removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Bodies(Vec<EventId>),
    /// Responses to deliveries of an event that has too many for one command together with its
    /// body.
    Answers(Vec<DeliveryId>),
    Deliveries(Vec<DeliveryId>),
    Events(Vec<EventId>),
    Audit(Vec<Uuid>),
}

/// The result of one scan.
#[derive(Debug, Default)]
pub struct Scan {
    pub parts: Vec<Part>,
    /// Where to continue; `None` when everything old enough was scanned.
    pub next: Option<Sweep>,
    /// The cursor just before the first row that is old enough but blocked by an open delivery.
    pub first_blocked: Option<Uuid>,
}

/// A scanned row: whether it may be removed, and at what cost.
struct Row {
    id: Uuid,
    is_removable: bool,
    bytes: i64,
    rows: i64,
}

impl From<(Uuid, bool)> for Row {
    fn from((id, is_removable): (Uuid, bool)) -> Self {
        Self { id, is_removable, bytes: 0, rows: 1 }
    }
}

/// Scans the next rows of a sweep over everything older than `before`.
pub(in crate::engine) async fn scan(
    conn: &mut Conn,
    sweep: Sweep,
    before: Timestamp,
) -> Result<Scan, Error> {
    let until = first_at(before);
    match sweep {
        Sweep::Payloads { after } => payloads(conn, after, until).await,
        Sweep::Deliveries { after } => {
            let found: Vec<(Uuid, bool, i64)> = on_db!(conn, c => sqlx::query_as(
                "SELECT id, state IN ('delivered', 'failed', 'skipped', 'cancelled'), attempts
                 FROM deliveries WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
            ).bind(after).bind(until).bind(SCAN_ROWS as i64).fetch_all(c).await)?;
            let row = |(id, is_removable, attempts)| Row {
                id,
                is_removable,
                bytes: 0,
                rows: 1 + attempts,
            };
            let (found, next) = with_next(found, row, |after| Sweep::Deliveries { after });
            Ok(Scan {
                parts: split_into_parts(&found, |ids| {
                    Part::Deliveries(ids.map(DeliveryId).collect())
                }),
                next,
                first_blocked: None,
            })
        }
        Sweep::Events { after } => {
            let found: Vec<(Uuid, bool)> = on_db!(conn, c => sqlx::query_as(
                "SELECT e.id, NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id)
                 FROM events e WHERE e.id > $1 AND e.id < $2 ORDER BY e.id LIMIT $3",
            ).bind(after).bind(until).bind(SCAN_ROWS as i64).fetch_all(c).await)?;
            let (found, next) = with_next(found, Row::from, |after| Sweep::Events { after });
            Ok(Scan {
                parts: split_into_parts(&found, |ids| Part::Events(ids.map(EventId).collect())),
                next,
                first_blocked: None,
            })
        }
        Sweep::Audit { after } => {
            let found: Vec<(Uuid,)> = on_db!(conn, c => sqlx::query_as(
                "SELECT id FROM audit WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
            ).bind(after).bind(until).bind(SCAN_ROWS as i64).fetch_all(c).await)?;
            let (found, next) =
                with_next(found, |(id,)| Row::from((id, true)), |after| Sweep::Audit { after });
            Ok(Scan {
                parts: split_into_parts(&found, |ids| Part::Audit(ids.collect())),
                next,
                first_blocked: None,
            })
        }
    }
}

/// Converts the rows, and returns the cursor after the last one, unless this was the last page.
fn with_next<T>(
    found: Vec<T>,
    row: impl Fn(T) -> Row,
    next: impl Fn(Uuid) -> Sweep,
) -> (Vec<Row>, Option<Sweep>) {
    let is_last_page = found.len() < SCAN_ROWS;
    let found: Vec<Row> = found.into_iter().map(row).collect();
    let next = found.last().filter(|_| !is_last_page).map(|last| next(last.id));
    (found, next)
}

/// Groups removable rows into parts that fit into one command each.
fn split_into_parts(
    found: &[Row],
    part: impl Fn(&mut dyn Iterator<Item = Uuid>) -> Part,
) -> Vec<Part> {
    let (mut parts, mut ids, mut bytes, mut rows) = (Vec::new(), Vec::new(), 0, 0);
    for row in found.iter().filter(|row| row.is_removable) {
        if !ids.is_empty() && (bytes + row.bytes > MAX_BYTES || rows + row.rows > MAX_ROWS) {
            parts.push(part(&mut ids.drain(..)));
            (bytes, rows) = (0, 0);
        }
        ids.push(row.id);
        (bytes, rows) = (bytes + row.bytes, rows + row.rows);
    }
    if !ids.is_empty() {
        parts.push(part(&mut ids.drain(..)));
    }
    parts
}

/// Scans events for bodies to clear.
async fn payloads(conn: &mut Conn, after: Uuid, until: Uuid) -> Result<Scan, Error> {
    let found: Vec<(Uuid, bool, bool, i64, i64)> = on_db!(conn, c => sqlx::query_as(
        "SELECT e.id, e.pruned_at IS NULL, EXISTS (
           SELECT 1 FROM deliveries d WHERE d.event_id = e.id AND d.state IN ('pending', \
           'waiting', 'held')),
           CAST(OCTET_LENGTH(e.body) AS BIGINT),
           (SELECT CAST(COALESCE(SUM(d.attempts), 0) + COUNT(*) AS BIGINT) FROM deliveries d WHERE \
           d.event_id = e.id)
         FROM events e WHERE e.id > $1 AND e.id < $2 ORDER BY e.id LIMIT $3",
    ).bind(after).bind(until).bind(SCAN_ROWS as i64).fetch_all(c).await)?;
    let first_blocked = found.iter().find(|(_, has_body, is_open, ..)| *has_body && *is_open);
    let first_blocked = first_blocked.map(|(id, ..)| just_before(*id));
    let row = |(id, has_body, is_open, bytes, rows): (Uuid, bool, bool, i64, i64)| Row {
        id,
        is_removable: has_body && !is_open,
        bytes,
        rows: 1 + rows,
    };
    let (found, next) = with_next(found, row, |after| Sweep::Payloads { after });
    let mut parts = Vec::new();
    // Responses first: once its body is gone, an event is not scanned again.
    for event in found.iter().filter(|row| row.is_removable && row.rows > MAX_ROWS) {
        parts.extend(answer_parts(conn, EventId(event.id)).await?);
    }
    parts.extend(split_into_parts(&found, |ids| Part::Bodies(ids.map(EventId).collect())));
    Ok(Scan { parts, next, first_blocked })
}

/// The cursor of a sweep that is to scan this id first.
fn just_before(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_sub(1))
}

impl Part {
    /// Where to scan again when fewer rows were removed than planned, because some were locked or
    /// reopened.
    pub fn retry_from(&self, rows: u64) -> Option<Uuid> {
        match self {
            Self::Bodies(ids) if rows < ids.len() as u64 => ids.first().map(|id| just_before(id.0)),
            _ => None,
        }
    }
}

/// The attempted deliveries of one event, in parts.
async fn answer_parts(conn: &mut Conn, event: EventId) -> Result<Vec<Part>, Error> {
    let (mut parts, mut after) = (Vec::new(), Uuid::nil());
    loop {
        let found: Vec<(Uuid, i64)> = on_db!(conn, c => sqlx::query_as(
            "SELECT id, attempts FROM deliveries WHERE event_id = $1 AND id > $2 ORDER BY id LIMIT \
             $3",
        ).bind(event).bind(after).bind(SCAN_ROWS as i64).fetch_all(c).await)?;
        let row = |&(id, attempts): &(Uuid, i64)| Row {
            id,
            is_removable: attempts > 0,
            bytes: 0,
            rows: attempts,
        };
        let rows: Vec<Row> = found.iter().map(row).collect();
        parts.extend(split_into_parts(&rows, |ids| Part::Answers(ids.map(DeliveryId).collect())));
        match found.last() {
            Some((last, _)) if found.len() == SCAN_ROWS => after = *last,
            _ => return Ok(parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::Clock;

    #[test]
    fn an_id_sorts_between_the_bounds_of_its_millisecond() {
        let now = Timestamp(1_700_000_000_123);
        let id = Clock::test(now).id();
        assert!(first_at(now) <= id && id < first_at(Timestamp(now.0 + 1)));
        assert_eq!(first_at(Timestamp(-5)), Uuid::nil());
    }

    #[test]
    fn no_part_exceeds_the_limits_of_a_command_unless_it_is_one_row() {
        let row = |number: u128, is_removable, bytes, rows| Row {
            id: Uuid::from_u128(number),
            is_removable,
            bytes,
            rows,
        };
        let found = [
            row(1, true, 1, 1),
            row(2, false, 0, 9999),
            row(3, true, MAX_BYTES, 1),
            row(4, true, 0, MAX_ROWS + 1),
        ];
        let parts = split_into_parts(&found, |ids| Part::Audit(ids.collect()));
        let audit = |number: u128| Part::Audit(vec![Uuid::from_u128(number)]);
        assert_eq!(parts, [audit(1), audit(3), audit(4)]);
        let many: Vec<Row> = (0..1000).map(|number| row(number, true, 0, 5)).collect();
        let parts = split_into_parts(&many, |ids| Part::Audit(ids.collect()));
        assert_eq!(parts.len(), 10);
    }
}
