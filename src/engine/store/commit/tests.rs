//! The contract of the two executors: the same rows leave the same tables and the same answer on
//! both databases, also where a row is refused.

mod dump;

use super::{plan::Rows, postgres::Guards, *};
use crate::{
    domain::{
        id::{DeliveryId, EventId, HookId},
        measured::Hour,
        time::Timestamp,
    },
    engine::store::{
        db::{Conn, Db},
        measured::{Sums, Tally},
        migrate::migrate,
        rows::{AttemptRow, DeliveryRow, EventRow, KeyRow},
    },
};
use dump::{Databases, HOOKS, uuid};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const HOUR: i64 = 3_600_000;
const BODY: &[u8] = "{\"name\":\"Zoë 😀\",\"quote\":\"'\"}".as_bytes();

fn event(number: u64) -> EventRow<'static> {
    EventRow {
        id: EventId(uuid(1, number)),
        event_type: "test.event",
        body: if number.is_multiple_of(3) { b"" } else { BODY },
        is_test: number.is_multiple_of(5),
        source: "a \"source\"\nof two lines",
        created_at: Timestamp(NOW.0 + number as i64),
    }
}

/// Deliveries of one event go through all states in which they may begin.
fn delivery(number: u64, event: u64) -> DeliveryRow<'static> {
    let (state, reason) = [
        ("pending", None),
        ("held", Some("the hook is paused")),
        ("skipped", Some("the hook was off")),
    ][number as usize % 3];
    DeliveryRow {
        id: DeliveryId(uuid(2, number)),
        event: EventId(uuid(1, event)),
        hook: HookId(uuid(0, number % HOOKS)),
        event_type: "test.event",
        state,
        reason,
        is_test: number.is_multiple_of(5),
        order_key: [None, Some("é'"), Some("")][number as usize % 3],
        size: 1 << (number % 40),
        due_at: number.is_multiple_of(4).then_some(Timestamp(i64::MAX)),
        created_at: NOW,
        updated_at: Timestamp(NOW.0 + 1),
    }
}

/// With all members, or with as few as there can be.
fn attempt(delivery: u64, number: i64) -> AttemptRow<'static> {
    let is_rich = delivery.is_multiple_of(2);
    let some = |micros: i64| is_rich.then_some(micros);
    AttemptRow {
        delivery: DeliveryId(uuid(2, delivery)),
        number,
        started_at: NOW,
        duration_ms: number * 7,
        class: "success",
        status: some(204),
        detail: is_rich.then_some("a 'detail'"),
        url: "https://example.org/ü?a=b",
        response_headers: "[[\"a\",\"b\"]]".to_owned(),
        response_body: if is_rich { &[0, 255, 10] } else { b"" },
        response_cut: is_rich,
        dns_us: some(1),
        connect_us: some(2),
        tls_us: some(3),
        first_byte_us: some(4),
        body_us: some(i64::MAX),
        address: is_rich.then_some("[::1]:443"),
    }
}

fn key(number: u8, answer: &str, expires_at: Timestamp) -> KeyRow<'static> {
    const KEYS: [&[u8]; 3] = [&[0; 32], &[1; 32], &[2; 32]];
    KeyRow {
        key_hash: KEYS[usize::from(number)],
        body_hash: &[9; 32],
        answer: answer.to_owned(),
        expires_at,
    }
}

fn rows() -> Rows<'static> {
    Rows {
        events: Vec::new(),
        deliveries: Vec::new(),
        keys: Vec::new(),
        attempts: Vec::new(),
        sums: Sums::default(),
        now: NOW,
    }
}

fn tally(count: i64) -> Tally {
    Tally { count, last_at: Timestamp(HOUR + count) }
}

/// Plans that are written, each on what the ones before it left. The last member is the kind of
/// constraint that a plan violates: none here.
fn written() -> Vec<(&'static str, Rows<'static>, Option<&'static str>)> {
    let hour = |hook: u64, hour: i64| (HookId(uuid(0, hook)), Hour(hour * HOUR));
    let sums = |count: i64| Sums {
        hours: [(0, 1, "success"), (0, 1, "status"), (1, 1, "success"), (1, 2, "success")]
            .map(|(hook, at, class)| ((hour(hook, at).0, hour(hook, at).1, class), tally(count)))
            .to_vec(),
        latencies: [(0, 1, 0), (0, 1, 9), (1, 2, 9)]
            .map(|(hook, at, bucket)| ((hour(hook, at).0, hour(hook, at).1, bucket), count))
            .to_vec(),
    };
    let soon = Timestamp(NOW.0 + 1);
    vec![
        ("nothing", rows(), None),
        ("an event that no hook listens to", Rows { events: vec![event(0)], ..rows() }, None),
        (
            "deliveries in every state",
            Rows {
                events: (1..40).map(event).collect(),
                deliveries: (0..120).map(|number| delivery(number, 1 + number % 39)).collect(),
                keys: vec![key(0, "[]", NOW), key(1, "[{\"id\":1}]", soon)],
                ..rows()
            },
            None,
        ),
        ("an expired key is replaced", Rows { keys: vec![key(0, "new", soon)], ..rows() }, None),
        (
            "attempts alone, twice for one delivery over time",
            Rows { attempts: (0..50).map(|of| attempt(of, 1)).collect(), sums: sums(3), ..rows() },
            None,
        ),
        (
            "all together; counts add up",
            Rows {
                events: vec![event(100)],
                deliveries: vec![delivery(200, 100), delivery(201, 100)],
                keys: vec![key(2, "third", soon)],
                attempts: vec![attempt(0, 2), attempt(60, 1)],
                sums: sums(i64::from(u32::MAX)),
                now: soon,
            },
            None,
        ),
    ]
}

/// Of each nothing may be left, and the next is written as if it had not been.
fn refused() -> Vec<(&'static str, Rows<'static>, Option<&'static str>)> {
    let sums = |count: i64| Sums {
        hours: vec![((HookId(uuid(0, 0)), Hour(HOUR), "success"), tally(count))],
        latencies: Vec::new(),
    };
    vec![
        (
            "an event that exists",
            Rows {
                events: vec![event(101), event(1)],
                deliveries: vec![delivery(202, 101)],
                ..rows()
            },
            Some("exists"),
        ),
        (
            "a hook that does not exist",
            Rows {
                events: vec![event(102)],
                deliveries: vec![DeliveryRow {
                    hook: HookId(uuid(0, HOOKS)),
                    ..delivery(203, 102)
                }],
                ..rows()
            },
            Some("missing"),
        ),
        (
            "an attempt at a delivery that does not exist",
            Rows { attempts: vec![attempt(1, 7), attempt(999, 1)], sums: sums(1), ..rows() },
            Some("missing"),
        ),
        (
            "an attempt that is on record",
            Rows { attempts: vec![attempt(2, 1)], sums: sums(1), ..rows() },
            Some("exists"),
        ),
        ("an event after all of these", Rows { events: vec![event(103)], ..rows() }, None),
    ]
}

fn kind(written: Result<(), Unwritten>) -> Option<&'static str> {
    match written {
        Ok(()) => None,
        Err(Unwritten::Fault(Error::Exists)) => Some("exists"),
        Err(Unwritten::Fault(Error::Missing)) => Some("missing"),
        Err(Unwritten::Fault(_)) => Some("another fault"),
        Err(Unwritten::Stale) => Some("stale"),
        Err(Unwritten::Failed(_)) => Some("failed"),
        Err(Unwritten::Unknown(_)) => Some("unknown"),
    }
}

async fn on_postgres(conn: &mut Conn, rows: &Rows<'_>) -> Result<(), Unwritten> {
    postgres::commit(Some(conn), 0, &Guards::new(None, &[], &[]), rows).await
}

#[tokio::test]
async fn both_executors_leave_the_same_tables() {
    let mut databases = Databases::open().await;
    let (mut sqlite_conn, mut postgres_conn) = databases.writers().await;
    let mut before = databases.dump().await;
    for (name, rows, refused) in written().into_iter().chain(refused()) {
        assert_eq!(kind(sqlite::commit(&mut sqlite_conn, 0, &rows)), refused, "{name}: SQLite");
        let written = on_postgres(&mut postgres_conn, &rows).await;
        assert_eq!(kind(written), refused, "{name}: PostgreSQL");
        let after = databases.dump().await;
        for (table, [on_sqlite, on_postgres]) in &after {
            assert_eq!(on_sqlite, on_postgres, "{name}: {table}");
        }
        let is_empty = name == "nothing";
        assert_eq!(after == before, is_empty || refused.is_some(), "{name}: what was written");
        before = after;
    }
    for table in ["events", "deliveries", "attempts", "idempotency", "hours", "latencies"] {
        assert!(!before[table][0].is_empty(), "{table} was compared while empty");
    }
}
