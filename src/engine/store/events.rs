//! Events and the deliveries they became, written together: the moment an event is acknowledged,
//! everything that has to happen because of it is on disk.

use std::{collections::HashMap, time::Duration};

use sha2::{Digest, Sha256};

use super::{
    balance,
    db::{Conn, on_db, padded, push_list},
    error::Error,
    hooks,
    idempotency::IdempotencyKey,
    listeners::{Listener, Listeners},
    open::{Key, Open},
    told::Told,
};
use crate::{
    domain::{
        acceptance::Acceptance,
        delivery::State,
        event::EventType,
        id::{DeliveryId, EventId, HookId, born},
        permission::Grant,
        time::Timestamp,
    },
    engine::{
        clock::Clock,
        pressure::{Full, Overflow},
        store::rows::{DeliveryRow, EventRow, columns},
    },
};

/// An event about to be accepted: validated against the catalogue, its body untouched.
#[derive(Clone)]
pub struct NewEvent {
    pub id: EventId,
    pub event_type: EventType,
    /// Exactly what the producer sent.
    pub body: bytes::Bytes,
    /// Who emitted it.
    pub source: String,
}

/// A delivery that an accepted event became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub id: DeliveryId,
    pub hook: HookId,
    pub acceptance: Acceptance,
    /// Too much waits for the hook.
    pub(super) overflow: Option<Overflow>,
    pub(super) order_key: Option<String>,
}

impl Planned {
    /// When it was made, as its id says: the log is searched by ids. (An id can be ahead of a clock
    /// that was set back.)
    pub(super) fn created_at(&self, now: Timestamp) -> Timestamp {
        born(self.id.0).min(now)
    }

    /// The state it begins in, and why if it is not sent at once.
    pub(in crate::engine) fn begins(&self) -> (State, Option<&'static str>) {
        match (self.acceptance, self.overflow) {
            (Acceptance::Off, _) => (State::Skipped, Some("the hook was off")),
            (_, Some(overflow)) => (State::Skipped, Some(overflow.reason())),
            (Acceptance::Open, None) => (State::Pending, None),
            (Acceptance::Paused, None) => (State::Held, self.acceptance.why_held()),
        }
    }
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    pub id: EventId,
    pub event_type: EventType,
    pub body: Vec<u8>,
    pub is_test: bool,
    pub source: String,
    pub created_at: Timestamp,
}

/// Events to be accepted together: all of them or none.
#[derive(Clone)]
pub struct Accept {
    pub events: Vec<NewEvent>,
    /// With a key that was used before, nothing is written and the first answer is given again.
    pub key: Option<IdempotencyKey>,
    pub clock: Clock,
    /// The hooks that have as much waiting as they may.
    pub full: Full,
}

/// An acknowledged event: it and its deliveries are on disk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Accepted {
    pub id: EventId,
    /// How many deliveries it became.
    pub deliveries: usize,
}

/// What is answered to an [`Accept`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// It was written now; for each of its events the deliveries.
    New(Vec<Vec<Planned>>),
    /// It was written before, under the same key; this was the answer.
    Again(Vec<Accepted>),
}

/// How long an idempotency key is remembered.
const REMEMBER_KEY: Duration = Duration::from_secs(48 * 3600);

impl Accept {
    /// What is answered once these deliveries are written.
    pub(in crate::engine) fn accepted(&self, planned: &[Vec<Planned>]) -> Vec<Accepted> {
        let each = |(event, planned): (&NewEvent, &Vec<Planned>)| Accepted {
            id: event.id,
            deliveries: planned.len(),
        };
        self.events.iter().zip(planned).map(each).collect()
    }

    /// The row that remembers the answer: the key, the answer, and until when.
    pub(super) fn to_remember(
        &self,
        planned: &[Vec<Planned>],
    ) -> Option<(&IdempotencyKey, String, Timestamp)> {
        let key = self.key.as_ref()?;
        // Serialising ids and numbers cannot fail.
        let answer = serde_json::to_string(&self.accepted(planned)).unwrap_or_default();
        Some((key, answer, self.clock.now().after(REMEMBER_KEY)))
    }
}

/// What lanes must hear of accepted events: what is due, with its bytes, and what is held.
pub(super) fn offers<'a>(
    accept: &'a Accept,
    planned: &'a [Vec<Planned>],
) -> impl Iterator<Item = Told> + 'a {
    let of_event = |(event, planned): (&'a NewEvent, &'a Vec<Planned>)| {
        planned.iter().filter_map(move |delivery| match delivery.begins().0 {
            State::Pending => Some(Told::Offer(offer(event, delivery, false))),
            State::Held => Some(Told::Held(delivery.hook)),
            _ => None,
        })
    };
    accept.events.iter().zip(planned).flat_map(of_event)
}

fn offer(event: &NewEvent, planned: &Planned, is_test: bool) -> Open {
    Open {
        id: planned.id,
        event: event.id,
        hook: planned.hook,
        event_type: event.event_type,
        body: event.body.clone(),
        attempts: 0,
        tries_before: 0,
        is_test,
        order_key: planned.order_key.as_deref().map(Key::from),
    }
}

/// What accepts become: for each of them, each event's deliveries. One for each hook that listens:
/// pending where the hook is open, held where it is paused, skipped where it is off or has too much
/// waiting.
pub(super) fn plan(listeners: &Listeners, accepts: &[&Accept]) -> Vec<Vec<Vec<Planned>>> {
    let plan = |accept: &Accept, event: &NewEvent| {
        let each = |listener: &Listener| {
            let id = DeliveryId(accept.clock.id());
            // Without the member it has a key of its own: it waits for none, none waits for it, and
            // all are in one index.
            let key =
                |member: &str| order_key(&event.body, member).unwrap_or_else(|| id.to_string());
            let order_key = listener.order_by.as_deref().map(key);
            let overflow = accept.full.get(listener.hook);
            Planned {
                id,
                hook: listener.hook,
                acceptance: listener.acceptance,
                overflow,
                order_key,
            }
        };
        listeners.of(event.event_type).iter().map(each).collect::<Vec<_>>()
    };
    accepts
        .iter()
        .map(|accept| accept.events.iter().map(|event| plan(accept, event)).collect())
        .collect()
}

/// Longest ordering key that is kept as it is, in bytes. An index takes no long ones.
const LONGEST_ORDER_KEY: usize = 200;

/// The value that orders an event among others, as text. What a database cannot keep as text or in
/// an index (NUL characters, long values) is replaced by its hash: equal values stay equal, on
/// every database.
fn order_key(body: &[u8], member: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let key = match body.get(member)? {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => return None,
        other => other.to_string(),
    };
    if key.len() <= LONGEST_ORDER_KEY && !key.contains('\0') {
        return Some(key);
    }
    Some(
        Sha256::digest(&key)
            .iter()
            .fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}")),
    )
}

/// Writes a test event for one hook, however it stands; [`Error::Missing`] when the hook is gone.
pub(in crate::engine) async fn accept_test(
    conn: &mut Conn,
    clock: &Clock,
    shard: i64,
    event: NewEvent,
    hook: HookId,
) -> Result<Planned, Error> {
    let now = clock.now();
    hooks::load(conn, hook).await?.ok_or(Error::Missing)?;
    let planned = Planned {
        id: DeliveryId(clock.id()),
        hook,
        acceptance: Acceptance::Open,
        overflow: None,
        order_key: None,
    };
    insert(conn, &EventRow::of(&event, true, now)).await?;
    insert_delivery(conn, &DeliveryRow::of(&event, &planned, true, now)).await?;
    balance::accepted(conn, 1, shard).await?;
    conn.tell(Told::Offer(offer(&event, &planned, true)));
    Ok(planned)
}

async fn insert(conn: &mut Conn, row: &EventRow<'_>) -> Result<(), Error> {
    const TEXT: &str =
        concat!("INSERT INTO events (", columns!(events), ") VALUES ($1, $2, $3, $4, $5, $6)");
    on_db!(conn, c => sqlx::query(TEXT)
        .bind(row.id).bind(row.event_type).bind(row.body).bind(row.is_test).bind(row.source)
            .bind(row.created_at)
        .execute(c).await.map(drop))?;
    Ok(())
}

async fn insert_delivery(conn: &mut Conn, row: &DeliveryRow<'_>) -> Result<(), Error> {
    const TEXT: &str = concat!(
        "INSERT INTO deliveries (",
        columns!(deliveries),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    on_db!(conn, c => sqlx::query(TEXT)
        .bind(row.id).bind(row.event).bind(row.hook).bind(row.event_type).bind(row.state)
            .bind(row.reason)
        .bind(row.is_test).bind(row.order_key).bind(row.size).bind(row.due_at).bind(row.created_at)
        .bind(row.updated_at).execute(c).await.map(drop))?;
    Ok(())
}

/// One event, for whoever may see deliveries; its body is for those who may see payloads.
pub async fn find(conn: &mut Conn, _by: &Grant, id: EventId) -> Result<Option<StoredEvent>, Error> {
    let row: Option<(EventId, String, Vec<u8>, bool, String, Timestamp)> = on_db!(conn,
        c => sqlx::query_as(
        "SELECT id, event_type, body, is_test, source, created_at FROM events WHERE id = $1",
    ).bind(id).fetch_optional(c).await)?;
    let Some((id, key, body, is_test, source, created_at)) = row else { return Ok(None) };
    let event_type = EventType::from_key(&key)
        .ok_or(Error::Inconsistent { table: "events", column: "event_type" })?;
    Ok(Some(StoredEvent { id, event_type, body, is_test, source, created_at }))
}

/// The bodies of the first of these events, for whoever may see payloads: of how many, and which
/// they are. Of one at least, and of no more than have so many bytes together. Those that retention
/// removed are empty.
pub async fn bodies_within(
    conn: &mut Conn,
    _by: &Grant,
    ids: &[EventId],
    bytes: usize,
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
    let mut sum = 0;
    let fits = |id: &&EventId| {
        // An event that several deliveries have is read once.
        sum += sizes.remove(*id).and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
        sum <= bytes
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

impl<'a> EventRow<'a> {
    pub fn of(event: &'a NewEvent, is_test: bool, now: Timestamp) -> Self {
        let (event_type, source) = (event.event_type.key(), event.source.as_str());
        Self { id: event.id, event_type, body: &event.body, is_test, source, created_at: now }
    }
}

impl<'a> DeliveryRow<'a> {
    pub fn of(event: &NewEvent, planned: &'a Planned, is_test: bool, now: Timestamp) -> Self {
        let (state, reason) = planned.begins();
        Self {
            id: planned.id,
            event: event.id,
            hook: planned.hook,
            event_type: event.event_type.key(),
            state: state.key(),
            reason,
            is_test,
            order_key: planned.order_key.as_deref(),
            size: i64::try_from(event.body.len()).unwrap_or(i64::MAX),
            due_at: (state == State::Pending).then_some(now),
            created_at: planned.created_at(now),
            updated_at: now,
        }
    }
}
