//! A lane of a hook with ordered deliveries, against a table that stands in for the database.

mod table;

use table::Table;

use super::*;
use crate::engine::store::lines::ReadRequest;

const WINDOW: Limits = Limits { window: PageLimit { rows: 1000, bytes: 4 << 20 }, ..LIMITS };

fn keyed(number: u128, key: &str, attempts: u32) -> Open {
    Open { order_key: Some(key.into()), ..open(number, attempts) }
}

fn id(number: u128) -> DeliveryId {
    DeliveryId(Uuid::from_u128(number))
}

/// Loads, as the board would, until the lane wants nothing more.
fn load(lane: &mut Lane, table: &mut Table, now: Timestamp) {
    while let Some(wanted) = lane.wants_load(&WINDOW, now) {
        lane.begin_load(wanted);
        let ask = if wanted.lines {
            lane.ask_lines(&WINDOW, WINDOW.window, now)
        } else {
            ReadRequest::default()
        };
        let page = table.page(wanted, &ask, now);
        lane.loaded(page, now);
    }
}

/// The number of the next delivery that is sent.
fn next(lane: &mut Lane, now: Timestamp) -> Option<u128> {
    // The concurrency window has tests of its own, so it is fully open here.
    lane.pacing.warm(now);
    lane.next(&WINDOW, now).map(|outgoing| outgoing.open.id.0.as_u128())
}

/// Ends an attempt and records it.
fn finish(lane: &mut Lane, number: u128, due_at: Option<Timestamp>) {
    lane.request_ended();
    lane.finished(id(number), due_at, Some(Health::default()), NOW);
}

/// A lane that has loaded all it wants.
fn lane(table: &mut Table) -> Lane {
    let mut lane = Lane::new(NOW);
    load(&mut lane, table, NOW);
    lane
}

/// Sends and settles all deliveries, one after the other.
fn drain(lane: &mut Lane, table: &mut Table) -> Vec<u128> {
    let mut sent = Vec::new();
    while let Some(number) = next(lane, NOW) {
        sent.push(number);
        table.settle(number);
        finish(lane, number, None);
        load(lane, table, NOW);
    }
    sent
}

#[test]
fn a_long_line_is_read_once_and_sent_one_delivery_at_a_time() {
    let count = 5000;
    let mut table = Table::of((0..count).map(|number| (number, "same".into())));
    let mut lane = lane(&mut table);
    assert_eq!(next(&mut lane, NOW), Some(0));
    assert_eq!(next(&mut lane, NOW), None, "a key never has two deliveries in flight");
    table.settle(0);
    finish(&mut lane, 0, None);
    load(&mut lane, &mut table, NOW);
    assert_eq!(drain(&mut lane, &mut table), (1..count).collect::<Vec<_>>());
    // Each delivery is read once, and many in each load, however long the line is.
    assert_eq!(table.bodies, count as usize);
    assert!(table.loads <= count as usize / 10, "{} loads", table.loads);
    assert!(table.heads <= 20, "{} heads", table.heads);
}

#[test]
fn a_blocked_line_is_not_read_and_does_not_block_other_keys() {
    let retry = Timestamp(NOW.0 + 600_000);
    let mut table = Table::of((0..5000).map(|number| (number, "fails".into())));
    (table.rows[0].2, table.rows[0].3) = (1, retry);
    let mut lane = lane(&mut table);
    assert_eq!((next(&mut lane, NOW), table.bodies, table.heads), (None, 0, 1));
    let loads = table.loads;
    for number in 5000..5400 {
        table.rows.push((number, format!("key {}", number % 7).into(), 0, NOW));
        lane.offer(keyed(number, &format!("key {}", number % 7), 0), &WINDOW, NOW);
        assert_eq!(next(&mut lane, NOW), Some(number));
        table.settle(number);
        finish(&mut lane, number, None);
        lane.offer(keyed(number + 10_000, "fails", 0), &WINDOW, NOW);
        load(&mut lane, &mut table, NOW);
    }
    assert_eq!((table.loads, table.bodies), (loads, 0), "offered deliveries need no load");
    assert_eq!(lane.wake_at(NOW), Some(retry));
    load(&mut lane, &mut table, retry);
    assert_eq!(next(&mut lane, retry), Some(0));
}

#[test]
fn many_keys_are_read_once_each_and_sent_concurrently() {
    let count = 3000;
    let mut table =
        Table::of((0..count).map(|number| (number, format!("{:05}", number * 7 % count))));
    let mut lane = lane(&mut table);
    let together: Vec<u128> = std::iter::from_fn(|| next(&mut lane, NOW)).collect();
    assert_eq!(together.len(), WINDOW.in_flight);
    for number in &together {
        table.settle(*number);
        finish(&mut lane, *number, None);
    }
    let mut all: Vec<u128> = drain(&mut lane, &mut table).into_iter().chain(together).collect();
    all.sort_unstable();
    assert_eq!(all, (0..count).collect::<Vec<_>>());
    assert_eq!((table.bodies, table.heads), (count as usize, count as usize));
    assert!(table.loads <= count as usize / 30, "{} loads", table.loads);
}

#[test]
fn a_delivery_that_was_not_offered_precedes_a_later_offer() {
    let mut table = Table::of([(1, "a".into())]);
    let mut lane = lane(&mut table);
    table.rows.push((2, "a".into(), 0, NOW));
    lane.recheck_database(NOW);
    load(&mut lane, &mut table, NOW);
    table.rows.push((3, "a".into(), 0, NOW));
    lane.offer(keyed(3, "a", 0), &WINDOW, NOW);
    load(&mut lane, &mut table, NOW);
    assert_eq!(drain(&mut lane, &mut table), [1, 2, 3]);
}

#[test]
fn a_failed_delivery_blocks_its_key_until_it_succeeds() {
    let mut table = Table::of([(1, "a".into()), (2, "a".into()), (3, "b".into())]);
    let mut lane = lane(&mut table);
    assert_eq!(
        (next(&mut lane, NOW), next(&mut lane, NOW), next(&mut lane, NOW)),
        (Some(1), Some(3), None)
    );
    let retry = Timestamp(NOW.0 + 5000);
    (table.rows[0].2, table.rows[0].3) = (1, retry);
    finish(&mut lane, 1, Some(retry));
    load(&mut lane, &mut table, NOW);
    assert_eq!(next(&mut lane, NOW), None);
    assert_eq!(lane.known().rows, 1, "the deliveries behind it are only in the database");
    load(&mut lane, &mut table, retry);
    assert_eq!(next(&mut lane, retry), Some(1));
    table.settle(1);
    finish(&mut lane, 1, None);
    load(&mut lane, &mut table, retry);
    assert_eq!(next(&mut lane, retry), Some(2));
}

#[test]
fn the_next_delivery_of_a_key_follows_once_the_receiver_accepted_the_one_before() {
    let mut table = Table::of((1..=60).map(|number| (number, "a".into())));
    let mut lane = lane(&mut table);
    // None is recorded yet: this is the most that a crash can repeat.
    for number in 1..=33 {
        assert_eq!((next(&mut lane, NOW), next(&mut lane, NOW)), (Some(number), None));
        lane.request_ended();
        lane.delivered(id(number));
        load(&mut lane, &mut table, NOW);
    }
    assert_eq!(next(&mut lane, NOW), None);
    for number in 1..=31 {
        table.settle(number);
        lane.finished(id(number), None, Some(Health::default()), NOW);
        load(&mut lane, &mut table, NOW);
    }
    // Recording these failed: they are sent again, in order, when their retry is due.
    let again = Timestamp(NOW.0 + 1000);
    for number in 32..=33 {
        lane.finished(id(number), Some(again), None, NOW);
        load(&mut lane, &mut table, NOW);
    }
    assert_eq!(next(&mut lane, NOW), None);
    load(&mut lane, &mut table, again);
    let sent: Vec<u128> = std::iter::from_fn(|| {
        let number = next(&mut lane, again)?;
        table.settle(number);
        finish(&mut lane, number, None);
        load(&mut lane, &mut table, again);
        Some(number)
    })
    .collect();
    assert_eq!(sent, (32..=60).collect::<Vec<_>>());
}

#[test]
fn an_older_delivery_that_is_redelivered_goes_first() {
    for is_change in [true, false] {
        let mut table = Table::of((5..40).map(|number| (number, "a".into())));
        let mut lane = lane(&mut table);
        assert_eq!(next(&mut lane, NOW), Some(5));
        table.rows.push((3, "a".into(), 2, NOW));
        if is_change {
            lane.hook_changed(NOW)
        } else {
            lane.recheck_database(NOW)
        }
        load(&mut lane, &mut table, NOW);
        assert_eq!(next(&mut lane, NOW), None, "a delivery of its key is in flight");
        table.settle(5);
        finish(&mut lane, 5, None);
        load(&mut lane, &mut table, NOW);
        let sent = drain(&mut lane, &mut table);
        assert_eq!(sent[..3], [3, 6, 7], "is_change: {is_change}");
        assert_eq!(sent.len(), 35);
    }
}

#[test]
fn a_delivery_committed_during_the_read_of_its_line_is_found() {
    let mut table = Table::of([(1, "a".into())]);
    let mut lane = lane(&mut table);
    lane.recheck_database(NOW);
    let wanted = lane.wants_load(&WINDOW, NOW).unwrap();
    lane.begin_load(wanted);
    let ask = lane.ask_lines(&WINDOW, WINDOW.window, NOW);
    let page = table.page(wanted, &ask, NOW);
    for (number, key) in [(2, "a"), (3, "b")] {
        table.rows.push((number, key.into(), 0, NOW));
        lane.offer(keyed(number, key, 0), &WINDOW, NOW);
    }
    lane.loaded(page, NOW);
    load(&mut lane, &mut table, NOW);
    let mut sent = drain(&mut lane, &mut table);
    sent.sort_unstable();
    assert_eq!(sent, [1, 2, 3]);
}

#[test]
fn offers_beyond_the_memory_budget_are_loaded_later() {
    let mut table = Table::default();
    let mut lane = lane(&mut table);
    let full = Limits { has_memory: false, ..WINDOW };
    for number in 1..=9 {
        table.rows.push((number, format!("{}", number % 3).into(), 0, NOW));
        lane.offer(keyed(number, &format!("{}", number % 3), 0), &full, NOW);
    }
    assert_eq!(lane.known().rows, 0);
    load(&mut lane, &mut table, NOW);
    let mut sent = drain(&mut lane, &mut table);
    sent.sort_unstable();
    assert_eq!(sent, (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_delivery_whose_attempt_was_not_sent_keeps_its_place() {
    let mut table = Table::of([(1, "a".into()), (2, "a".into())]);
    let mut lane = lane(&mut table);
    assert_eq!(next(&mut lane, NOW), Some(1));
    let again = Timestamp(NOW.0 + 1000);
    lane.finished(id(1), Some(again), None, NOW);
    lane.not_sent(again);
    load(&mut lane, &mut table, NOW);
    assert_eq!(next(&mut lane, NOW), None);
    load(&mut lane, &mut table, again);
    assert_eq!((next(&mut lane, again), next(&mut lane, again)), (Some(1), None));
}

#[test]
fn a_delivery_that_another_node_accepted_earlier_goes_first() {
    let shared = Limits { is_shared: true, ..WINDOW };
    let mut table = Table::of([(1, "a".into())]);
    let mut lane = lane(&mut table);
    assert_eq!(next(&mut lane, NOW), Some(1));
    // The hint about 2 has not arrived when this node accepts 3.
    table.rows.push((2, "a".into(), 0, NOW));
    table.rows.push((3, "a".into(), 0, NOW));
    lane.offer(keyed(3, "a", 0), &shared, NOW);
    table.settle(1);
    finish(&mut lane, 1, None);
    load(&mut lane, &mut table, NOW);
    assert_eq!(drain(&mut lane, &mut table), [2, 3]);
}

#[test]
fn a_retry_brought_forward_behind_a_delivery_in_flight_is_found() {
    let mut table = Table::of([(1, "a".into()), (2, "a".into())]);
    let retry = Timestamp(NOW.0 + 600_000);
    (table.rows[1].2, table.rows[1].3) = (1, retry);
    let mut lane = lane(&mut table);
    assert_eq!(next(&mut lane, NOW), Some(1));
    // 2 is brought forward while 1 is in flight.
    table.rows[1].3 = NOW;
    lane.recheck_database(NOW);
    load(&mut lane, &mut table, NOW);
    assert_eq!(next(&mut lane, NOW), None);
    table.settle(1);
    finish(&mut lane, 1, None);
    load(&mut lane, &mut table, NOW);
    assert_eq!(next(&mut lane, NOW), Some(2));
}

/// Deliveries without a key, accepted before ordering was switched on, are read into their buffer.
/// With the old due time they would wait for an hour.
#[test]
fn a_clock_set_back_reloads_the_deliveries_without_a_key() {
    let mut table = Table::of([]);
    let mut lane = lane(&mut table);
    lane.first_attempts.note_more(Timestamp(NOW.0 + 3_600_000));
    lane.clock_set_back(NOW);
    assert_eq!(lane.first_attempts.more_at, Some(NOW));
}
