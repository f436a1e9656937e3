//! What a lane does for a hook that keeps an order.

use super::*;
use crate::engine::store::{
    lines::{Ask, Head, Line, Lines, Next, Standing},
    open::Key,
};

const WINDOW: Limits = Limits { window: Room { rows: 1000, bytes: 4 << 20 }, ..LIMITS };

/// What a database would have: deliveries by key, each with its attempts and when it is due (in the
/// future: it waits).
#[derive(Default)]
struct Table {
    rows: Vec<(u128, Key, u32, Timestamp)>,
    /// How much was read.
    loads: usize,
    heads: usize,
    bodies: usize,
}

fn keyed(number: u128, key: &str, attempts: u32) -> Open {
    Open { order_key: Some(key.into()), ..open(number, attempts) }
}

fn id(number: u128) -> DeliveryId {
    DeliveryId(Uuid::from_u128(number))
}

impl Table {
    fn of(keys: impl IntoIterator<Item = (u128, String)>) -> Self {
        let rows = keys.into_iter().map(|(number, key)| (number, Key::from(key), 0, NOW)).collect();
        Self { rows, ..Self::default() }
    }

    fn settle(&mut self, number: u128) {
        self.rows.retain(|row| row.0 != number);
    }

    fn standing(row: &(u128, Key, u32, Timestamp), now: Timestamp) -> Standing {
        if row.2 > 0 && row.3 > now { Standing::Waits(row.3) } else { Standing::Due }
    }

    fn page(&mut self, wanted: Wanted, ask: &Ask, now: Timestamp) -> Page {
        self.loads += 1;
        let mut page = page(
            Some(tuned(Tuning { order_by: Some("id".into()), ..Tuning::default() })),
            Vec::new(),
        );
        if !wanted.lines {
            return page;
        }
        (page.fresh, page.again) = (None, None);
        self.rows.sort_by(|one, two| (&one.1, one.0).cmp(&(&two.1, two.0)));
        let mut found = Lines::default();
        if let Some(after) = &ask.heads {
            let mut last = after.clone();
            for row in &self.rows {
                if found.heads.len() < ask.heads_limit
                    && last.as_ref().is_none_or(|last| row.1 > *last)
                {
                    last = Some(row.1.clone());
                    let standing = Self::standing(row, now);
                    found.heads.push(Head {
                        key: row.1.clone(),
                        id: id(row.0),
                        standing,
                        due_at: None,
                    });
                }
            }
        }
        for part in &ask.lines {
            let is_meant = |row: &&(u128, Key, u32, Timestamp)| {
                row.1 == part.key && part.after.is_none_or(|after| id(row.0) > after)
            };
            let mut line =
                Line { key: part.key.clone(), after: part.after, due: Vec::new(), next: Next::End };
            for row in self.rows.iter().filter(is_meant).take(ask.rows) {
                match Self::standing(row, now) {
                    Standing::Due => line.due.push(keyed(row.0, &row.1, row.2)),
                    Standing::Waits(at) => line.next = Next::Waits(at),
                    Standing::Held => line.next = Next::Held,
                }
                if line.next != Next::End {
                    break;
                }
            }
            if line.next == Next::End && line.due.len() == ask.rows {
                line.next = Next::More;
            }
            self.bodies += line.due.len();
            found.lines.push(line);
        }
        self.heads += found.heads.len();
        page.lines = Some(found);
        page
    }
}

/// Does what the board does, until the lane wants nothing more.
fn load(lane: &mut Lane, table: &mut Table, now: Timestamp) {
    while let Some(wanted) = lane.wants_load(&WINDOW, now) {
        lane.begin_load(wanted);
        let ask = if wanted.lines { lane.ask(&WINDOW, WINDOW.window, now) } else { Ask::default() };
        let page = table.page(wanted, &ask, now);
        lane.loaded(page, now);
    }
}

fn next(lane: &mut Lane, now: Timestamp) -> Option<u128> {
    // How a lane warms up is tested with its pacing.
    lane.pacing.warm(now);
    lane.next(&WINDOW, now).map(|given| given.open.id.0.as_u128())
}

fn finish(lane: &mut Lane, number: u128, due_at: Option<Timestamp>) {
    lane.sent();
    lane.finished(id(number), due_at, Some(Health::default()), NOW);
}

fn lane(table: &mut Table) -> Lane {
    let mut lane = Lane::new(NOW);
    load(&mut lane, table, NOW);
    lane
}

/// Sends everything, one after the other.
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
fn one_key_with_much_waiting_is_read_once_and_goes_one_after_the_other() {
    let count = 5000;
    let mut table = Table::of((0..count).map(|number| (number, "same".into())));
    let mut lane = lane(&mut table);
    assert_eq!(next(&mut lane, NOW), Some(0));
    assert_eq!(next(&mut lane, NOW), None, "two of a key are never under way");
    table.settle(0);
    finish(&mut lane, 0, None);
    load(&mut lane, &mut table, NOW);
    assert_eq!(drain(&mut lane, &mut table), (1..count).collect::<Vec<_>>());
    // Each delivery is read once, many in a load, whatever waits behind them.
    assert_eq!(table.bodies, count as usize);
    assert!(table.loads <= count as usize / 10, "{} loads", table.loads);
    assert!(table.heads <= 20, "{} heads", table.heads);
}

#[test]
fn what_waits_behind_one_key_is_not_read_and_no_other_key_waits_for_it() {
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
    assert_eq!((table.loads, table.bodies), (loads, 0), "what is offered needs no load");
    assert_eq!(lane.wake_at(NOW), Some(retry));
    load(&mut lane, &mut table, retry);
    assert_eq!(next(&mut lane, retry), Some(0));
}

#[test]
fn many_keys_are_read_once_each_and_go_side_by_side() {
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
fn what_was_not_offered_goes_before_what_was_offered_after_it() {
    let mut table = Table::of([(1, "a".into())]);
    let mut lane = lane(&mut table);
    table.rows.push((2, "a".into(), 0, NOW));
    lane.more(NOW);
    load(&mut lane, &mut table, NOW);
    table.rows.push((3, "a".into(), 0, NOW));
    lane.offer(keyed(3, "a", 0), &WINDOW, NOW);
    load(&mut lane, &mut table, NOW);
    assert_eq!(drain(&mut lane, &mut table), [1, 2, 3]);
}

#[test]
fn a_failure_holds_its_key_back_until_it_succeeds() {
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
    assert_eq!(lane.known().rows, 1, "what waits behind it is in the database only");
    load(&mut lane, &mut table, retry);
    assert_eq!(next(&mut lane, retry), Some(1));
    table.settle(1);
    finish(&mut lane, 1, None);
    load(&mut lane, &mut table, retry);
    assert_eq!(next(&mut lane, retry), Some(2));
}

#[test]
fn the_next_of_a_key_goes_when_the_receiver_has_the_one_before() {
    let mut table = Table::of((1..=60).map(|number| (number, "a".into())));
    let mut lane = lane(&mut table);
    // None of it is recorded yet: so many may come again after a crash, and no more.
    for number in 1..=33 {
        assert_eq!((next(&mut lane, NOW), next(&mut lane, NOW)), (Some(number), None));
        lane.sent();
        lane.delivered(id(number));
        load(&mut lane, &mut table, NOW);
    }
    assert_eq!(next(&mut lane, NOW), None);
    for number in 1..=31 {
        table.settle(number);
        lane.finished(id(number), None, Some(Health::default()), NOW);
        load(&mut lane, &mut table, NOW);
    }
    // The record of these failed: they are sent again, in their order, when that is to be tried.
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
fn an_older_one_that_is_sent_again_goes_in_its_place() {
    for is_change in [true, false] {
        let mut table = Table::of((5..40).map(|number| (number, "a".into())));
        let mut lane = lane(&mut table);
        assert_eq!(next(&mut lane, NOW), Some(5));
        table.rows.push((3, "a".into(), 2, NOW));
        if is_change {
            lane.changed(NOW)
        } else {
            lane.more(NOW)
        }
        load(&mut lane, &mut table, NOW);
        assert_eq!(next(&mut lane, NOW), None, "one of its key is under way");
        table.settle(5);
        finish(&mut lane, 5, None);
        load(&mut lane, &mut table, NOW);
        let sent = drain(&mut lane, &mut table);
        assert_eq!(sent[..3], [3, 6, 7], "by a change: {is_change}");
        assert_eq!(sent.len(), 35);
    }
}

#[test]
fn what_is_committed_while_its_line_is_read_is_found() {
    let mut table = Table::of([(1, "a".into())]);
    let mut lane = lane(&mut table);
    lane.more(NOW);
    let wanted = lane.wants_load(&WINDOW, NOW).unwrap();
    lane.begin_load(wanted);
    let ask = lane.ask(&WINDOW, WINDOW.window, NOW);
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
fn what_there_is_no_memory_for_is_read_later() {
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
fn an_attempt_that_was_not_made_keeps_its_place() {
    let mut table = Table::of([(1, "a".into()), (2, "a".into())]);
    let mut lane = lane(&mut table);
    assert_eq!(next(&mut lane, NOW), Some(1));
    let again = Timestamp(NOW.0 + 1000);
    lane.finished(id(1), Some(again), None, NOW);
    lane.unsent(again);
    load(&mut lane, &mut table, NOW);
    assert_eq!(next(&mut lane, NOW), None);
    load(&mut lane, &mut table, again);
    assert_eq!((next(&mut lane, again), next(&mut lane, again)), (Some(1), None));
}

#[test]
fn what_another_node_accepted_before_goes_before() {
    let shared = Limits { is_shared: true, ..WINDOW };
    let mut table = Table::of([(1, "a".into())]);
    let mut lane = lane(&mut table);
    assert_eq!(next(&mut lane, NOW), Some(1));
    // The other node's word of the second has not arrived when this node accepts the third.
    table.rows.push((2, "a".into(), 0, NOW));
    table.rows.push((3, "a".into(), 0, NOW));
    lane.offer(keyed(3, "a", 0), &shared, NOW);
    table.settle(1);
    finish(&mut lane, 1, None);
    load(&mut lane, &mut table, NOW);
    assert_eq!(drain(&mut lane, &mut table), [2, 3]);
}

#[test]
fn what_is_let_go_behind_one_that_is_under_way_is_found() {
    let mut table = Table::of([(1, "a".into()), (2, "a".into())]);
    let retry = Timestamp(NOW.0 + 600_000);
    (table.rows[1].2, table.rows[1].3) = (1, retry);
    let mut lane = lane(&mut table);
    assert_eq!(next(&mut lane, NOW), Some(1));
    // It is brought forward while the first of its key is under way.
    table.rows[1].3 = NOW;
    lane.more(NOW);
    load(&mut lane, &mut table, NOW);
    assert_eq!(next(&mut lane, NOW), None);
    table.settle(1);
    finish(&mut lane, 1, None);
    load(&mut lane, &mut table, NOW);
    assert_eq!(next(&mut lane, NOW), Some(2));
}

/// What was accepted before a hook kept an order is read from its shelf, and the rest of it is
/// there in an hour else.
#[test]
fn a_clock_that_is_set_back_leaves_nothing_on_the_shelf_of_an_ordered_hook() {
    let mut table = Table::of([]);
    let mut lane = lane(&mut table);
    lane.fresh.note_more(Timestamp(NOW.0 + 3_600_000));
    lane.clock_set_back(NOW);
    assert_eq!(lane.fresh.more_at, Some(NOW));
}
