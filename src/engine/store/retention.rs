//! Removing what is old, a little at a time. What may go is looked for on a reading connection;
//! what is written is a command of its own, small enough that no commit waits for it. Between the
//! two anything may happen, on this server or on another: so every write asks its conditions again,
//! of rows that nobody else can change until it ends.
//!
//! What is removed of deliveries is counted, and the balance still holds.

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

/// Rows that a look goes through, whatever it finds.
const LOOK: usize = 1000;
/// What one command removes at most: rows (of deliveries and attempts together), and bytes of
/// bodies.
const ROWS: i64 = 500;
const BYTES: i64 = 2 * 1024 * 1024;

/// What is being removed, and how far that is. Ids sort by birth, so "older than" is a range of the
/// primary key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Bodies of events without anything open, what orders their deliveries, and the answers to
    /// them.
    Payloads { after: Uuid },
    /// Settled deliveries with their attempts.
    Deliveries { after: Uuid },
    /// Events that no delivery belongs to.
    Events { after: Uuid },
    /// Lines of the audit log.
    Audit { after: Uuid },
}

impl Sweep {
    pub const DELIVERIES: Self = Self::Deliveries { after: Uuid::nil() };
    pub const EVENTS: Self = Self::Events { after: Uuid::nil() };
    pub const AUDIT: Self = Self::Audit { after: Uuid::nil() };

    /// Of the bodies of what is not older than `from`; from the beginning without it.
    pub fn payloads(from: Option<Uuid>) -> Self {
        Self::Payloads { after: from.unwrap_or(Uuid::nil()) }
    }
}

/// What one command removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Bodies(Vec<EventId>),
    /// The answers to deliveries of an event that became so many that they do not fit into one
    /// command with its body.
    Answers(Vec<DeliveryId>),
    Deliveries(Vec<DeliveryId>),
    Events(Vec<EventId>),
    Audit(Vec<Uuid>),
}

/// What a look found.
#[derive(Debug, Default)]
pub struct Look {
    pub parts: Vec<Part>,
    /// Where to go on; `None` when everything old enough was looked at.
    pub next: Option<Sweep>,
    /// Right before the first that has to stay for now, although it is old enough.
    pub stays: Option<Uuid>,
}

/// A row that was looked at: does it go, and what does removing it cost?
struct Row {
    id: Uuid,
    goes: bool,
    bytes: i64,
    rows: i64,
}

impl From<(Uuid, bool)> for Row {
    fn from((id, goes): (Uuid, bool)) -> Self {
        Self { id, goes, bytes: 0, rows: 1 }
    }
}

/// The next rows of a sweep over what is older than `before`.
pub(in crate::engine) async fn look(
    conn: &mut Conn,
    sweep: Sweep,
    before: Timestamp,
) -> Result<Look, Error> {
    let until = first_at(before);
    match sweep {
        Sweep::Payloads { after } => payloads(conn, after, until).await,
        Sweep::Deliveries { after } => {
            let found: Vec<(Uuid, bool, i64)> = on_db!(conn, c => sqlx::query_as(
                "SELECT id, state IN ('delivered', 'failed', 'skipped', 'cancelled'), attempts
                 FROM deliveries WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
            ).bind(after).bind(until).bind(LOOK as i64).fetch_all(c).await)?;
            let row = |(id, goes, attempts)| Row { id, goes, bytes: 0, rows: 1 + attempts };
            let (found, next) = turn(found, row, |after| Sweep::Deliveries { after });
            Ok(Look {
                parts: cut(&found, |ids| Part::Deliveries(ids.map(DeliveryId).collect())),
                next,
                stays: None,
            })
        }
        Sweep::Events { after } => {
            let found: Vec<(Uuid, bool)> = on_db!(conn, c => sqlx::query_as(
                "SELECT e.id, NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id)
                 FROM events e WHERE e.id > $1 AND e.id < $2 ORDER BY e.id LIMIT $3",
            ).bind(after).bind(until).bind(LOOK as i64).fetch_all(c).await)?;
            let (found, next) = turn(found, Row::from, |after| Sweep::Events { after });
            Ok(Look {
                parts: cut(&found, |ids| Part::Events(ids.map(EventId).collect())),
                next,
                stays: None,
            })
        }
        Sweep::Audit { after } => {
            let found: Vec<(Uuid,)> = on_db!(conn, c => sqlx::query_as(
                "SELECT id FROM audit WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
            ).bind(after).bind(until).bind(LOOK as i64).fetch_all(c).await)?;
            let (found, next) =
                turn(found, |(id,)| Row::from((id, true)), |after| Sweep::Audit { after });
            Ok(Look { parts: cut(&found, |ids| Part::Audit(ids.collect())), next, stays: None })
        }
    }
}

/// The rows, and where the next look begins: after the last one, unless these were all.
fn turn<T>(
    found: Vec<T>,
    row: impl Fn(T) -> Row,
    next: impl Fn(Uuid) -> Sweep,
) -> (Vec<Row>, Option<Sweep>) {
    let is_all = found.len() < LOOK;
    let found: Vec<Row> = found.into_iter().map(row).collect();
    let next = found.last().filter(|_| !is_all).map(|last| next(last.id));
    (found, next)
}

/// Puts what goes into parts that are small enough for one command each.
fn cut(found: &[Row], part: impl Fn(&mut dyn Iterator<Item = Uuid>) -> Part) -> Vec<Part> {
    let (mut parts, mut ids, mut bytes, mut rows) = (Vec::new(), Vec::new(), 0, 0);
    for row in found.iter().filter(|row| row.goes) {
        if !ids.is_empty() && (bytes + row.bytes > BYTES || rows + row.rows > ROWS) {
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

async fn payloads(conn: &mut Conn, after: Uuid, until: Uuid) -> Result<Look, Error> {
    let found: Vec<(Uuid, bool, bool, i64, i64)> = on_db!(conn, c => sqlx::query_as(
        "SELECT e.id, e.pruned_at IS NULL, EXISTS (
           SELECT 1 FROM deliveries d WHERE d.event_id = e.id AND d.state IN ('pending', \
           'waiting', 'held')),
           CAST(OCTET_LENGTH(e.body) AS BIGINT),
           (SELECT CAST(COALESCE(SUM(d.attempts), 0) + COUNT(*) AS BIGINT) FROM deliveries d WHERE \
           d.event_id = e.id)
         FROM events e WHERE e.id > $1 AND e.id < $2 ORDER BY e.id LIMIT $3",
    ).bind(after).bind(until).bind(LOOK as i64).fetch_all(c).await)?;
    let stays = found.iter().find(|(_, has_body, is_open, ..)| *has_body && *is_open);
    let stays = stays.map(|(id, ..)| right_before(*id));
    let row = |(id, has_body, is_open, bytes, rows): (Uuid, bool, bool, i64, i64)| Row {
        id,
        goes: has_body && !is_open,
        bytes,
        rows: 1 + rows,
    };
    let (found, next) = turn(found, row, |after| Sweep::Payloads { after });
    let mut parts = Vec::new();
    // Answers first: once its body is gone an event is not looked at again.
    for event in found.iter().filter(|row| row.goes && row.rows > ROWS) {
        parts.extend(answers(conn, EventId(event.id)).await?);
    }
    parts.extend(cut(&found, |ids| Part::Bodies(ids.map(EventId).collect())));
    Ok(Look { parts, next, stays })
}

/// Where a sweep begins that is to look at this one first.
fn right_before(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_sub(1))
}

impl Part {
    /// Where to look again, when of the part only so many rows went: the others were just being
    /// sent again, or written.
    pub fn left(&self, rows: u64) -> Option<Uuid> {
        match self {
            Self::Bodies(ids) if rows < ids.len() as u64 => {
                ids.first().map(|id| right_before(id.0))
            }
            _ => None,
        }
    }
}

/// The deliveries of one event that were tried, in parts.
async fn answers(conn: &mut Conn, event: EventId) -> Result<Vec<Part>, Error> {
    let (mut parts, mut after) = (Vec::new(), Uuid::nil());
    loop {
        let found: Vec<(Uuid, i64)> = on_db!(conn, c => sqlx::query_as(
            "SELECT id, attempts FROM deliveries WHERE event_id = $1 AND id > $2 ORDER BY id LIMIT \
             $3",
        ).bind(event).bind(after).bind(LOOK as i64).fetch_all(c).await)?;
        let row = |&(id, attempts): &(Uuid, i64)| Row {
            id,
            goes: attempts > 0,
            bytes: 0,
            rows: attempts,
        };
        let rows: Vec<Row> = found.iter().map(row).collect();
        parts.extend(cut(&rows, |ids| Part::Answers(ids.map(DeliveryId).collect())));
        match found.last() {
            Some((last, _)) if found.len() == LOOK => after = *last,
            _ => return Ok(parts),
        }
    }
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

    #[test]
    fn no_part_is_larger_than_a_command_may_be_unless_it_is_one_row() {
        let row = |number: u128, goes, bytes, rows| Row {
            id: Uuid::from_u128(number),
            goes,
            bytes,
            rows,
        };
        let found = [
            row(1, true, 1, 1),
            row(2, false, 0, 9999),
            row(3, true, BYTES, 1),
            row(4, true, 0, ROWS + 1),
        ];
        let parts = cut(&found, |ids| Part::Audit(ids.collect()));
        let audit = |number: u128| Part::Audit(vec![Uuid::from_u128(number)]);
        assert_eq!(parts, [audit(1), audit(3), audit(4)]);
        let many: Vec<Row> = (0..1000).map(|number| row(number, true, 0, 5)).collect();
        let parts = cut(&many, |ids| Part::Audit(ids.collect()));
        assert_eq!(parts.len(), 10);
    }
}
