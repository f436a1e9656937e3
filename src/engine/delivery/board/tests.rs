//! What the board does when lanes come and go between nodes.

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::{
    domain::{id::DeliveryId, retry::Bearing},
    engine::{
        delivery::{
            attempt::Target,
            lane::{
                Page, Wanted,
                tests::{LIMITS, open, page, target},
            },
        },
        store::queue::Room,
    },
};

const NOW: Timestamp = Timestamp(1_000_000);
const MEMORY: usize = 1 << 20;
const HOOK: HookId = HookId(Uuid::nil());

/// What a load brings.
fn read(target: Option<Arc<Target>>, due: Vec<Open>) -> Box<Page> {
    Box::new(page(target, due))
}

fn held(fence: i64) -> OwnedLane {
    OwnedLane { hook: HOOK, fence: Some(fence) }
}

/// A board that has the lane under this fence; its first load is under way.
fn board(fence: i64) -> Board {
    let mut board = Board::new(10, LIMITS, MEMORY, true);
    own(&mut board, &[fence]);
    assert_eq!(loads(&board.orders()), [fence]);
    board
}

fn own(board: &mut Board, fences: &[i64]) {
    board.hear(News::Lanes(fences.iter().map(|fence| (HOOK, *fence)).collect()), NOW);
}

fn loads(orders: &[Order]) -> Vec<i64> {
    let load = |order: &Order| match order {
        Order::Load { held, .. } => held.fence,
        _ => None,
    };
    orders.iter().filter_map(load).collect()
}

/// What is sent now, and under which fence.
fn sent(board: &mut Board) -> Vec<(u128, i64)> {
    board.advance(NOW);
    let attempt = |order: Order| match order {
        Order::Attempt { given, fence } => Some((given.open.id.0.as_u128(), fence?)),
        _ => None,
    };
    board.orders().into_iter().filter_map(attempt).collect()
}

#[test]
fn whoever_may_have_missed_something_looks() {
    let mut board = board(1);
    board.hear(News::Loaded(held(1), Ok(read(Some(target(true)), Vec::new()))), NOW);
    assert!(loads(&board.orders()).is_empty());
    board.hear(News::HintsMissed, NOW);
    assert_eq!(loads(&board.orders()), [1]);
}

#[test]
fn a_page_that_was_ordered_under_an_earlier_ownership_is_not_believed() {
    let mut board = board(1);
    // Lost to another node, who delivered it, and won again while the page was on its way.
    own(&mut board, &[]);
    own(&mut board, &[3]);
    assert_eq!(loads(&board.orders()), [3]);
    board.hear(News::Loaded(held(1), Ok(read(Some(target(true)), vec![open(7, 0)]))), NOW);
    assert_eq!(sent(&mut board), []);
    board.hear(News::Loaded(held(3), Ok(read(Some(target(true)), vec![open(8, 0)]))), NOW);
    assert_eq!(sent(&mut board), [(8, 3)]);
}

#[test]
fn an_attempt_of_an_earlier_ownership_frees_no_place_of_this_one() {
    let mut board = board(1);
    board.hear(News::Loaded(held(1), Ok(read(Some(target(true)), vec![open(1, 0)]))), NOW);
    assert_eq!(sent(&mut board), [(1, 1)]);
    own(&mut board, &[2]);
    board.hear(News::Loaded(held(2), Ok(read(Some(target(true)), vec![open(1, 0)]))), NOW);
    assert_eq!(sent(&mut board), [(1, 2)]);
    let finished = |fence| News::Finished {
        held: held(fence),
        delivery: DeliveryId(Uuid::from_u128(1)),
        was_sent: true,
        due_at: None,
        health: None,
    };
    let answered = |fence| News::Sent {
        held: held(fence),
        delivery: DeliveryId(Uuid::from_u128(1)),
        bearing: Bearing::Bears,
        is_delivered: true,
        took: Duration::ZERO,
    };
    board.hear(answered(1), NOW);
    board.hear(finished(1), NOW);
    assert_eq!(board.in_flight(), 1);
    assert!(board.idle_of(&[HOOK].into()).is_empty(), "given away with an attempt under way");
    board.hear(answered(2), NOW);
    board.hear(finished(2), NOW);
    assert_eq!(board.idle_of(&[HOOK].into()), [HOOK].into());
}

#[test]
fn a_lane_that_was_to_go_and_stays_is_sent_to_again() {
    let mut board = board(1);
    board.hear(News::Loaded(held(1), Ok(read(Some(target(true)), vec![open(1, 0)]))), NOW);
    board.hear(News::Part([HOOK].into()), NOW);
    assert_eq!(sent(&mut board), []);
    own(&mut board, &[1]);
    assert_eq!(sent(&mut board), [], "it is still to go");
    board.hear(News::Part(HashSet::new()), NOW);
    assert_eq!(sent(&mut board), [(1, 1)]);
}

#[test]
fn a_first_attempt_that_was_not_sent_is_read_again() {
    let mut board = board(1);
    board.hear(News::Loaded(held(1), Ok(read(Some(target(true)), vec![open(1, 0)]))), NOW);
    assert_eq!(sent(&mut board), [(1, 1)]);
    let (delivery, due_at) = (DeliveryId(Uuid::from_u128(1)), Some(NOW));
    board.hear(
        News::Finished { held: held(1), delivery, was_sent: false, due_at, health: None },
        NOW,
    );
    let orders = board.orders();
    assert!(matches!(
        orders[..],
        [Order::Load { wanted: Wanted { fresh: true, again: true, .. }, .. }]
    ));
}

#[test]
fn whoever_loses_a_lane_tells_its_new_owner() {
    let mut board = board(1);
    own(&mut board, &[]);
    assert!(matches!(board.orders()[..], [Order::Tell { hook: HOOK, is_change: false }]));
}

#[test]
fn a_hook_whose_secrets_do_not_open_is_read_less_and_less_often_until_it_changes() {
    let mut board = board(1);
    let sealed = || Error::Sealed { table: "hooks", column: "api_key" };
    let mut now = NOW;
    let mut waits = Vec::new();
    for _ in 0..11 {
        board.hear(News::Loaded(held(1), Err(sealed())), now);
        let at = board.next_at().unwrap();
        waits.push((at.0 - now.0) / 1000);
        now = at;
        board.advance(now);
        assert_eq!(loads(&board.orders()), [1]);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    // Nothing is lost: it is still waiting, and a change of the hook is looked at now.
    board.hear(News::Loaded(held(1), Err(sealed())), now);
    board.hear(News::Changed(vec![HOOK]), now);
    assert_eq!(loads(&board.orders()), [1]);
    board.hear(News::Loaded(held(1), Ok(read(Some(target(true)), vec![open(7, 0)]))), now);
    board.advance(now);
    assert!(board.orders().iter().any(|order| matches!(order, Order::Attempt { .. })));
}

#[test]
fn a_database_that_is_away_is_asked_again_every_second() {
    let mut board = board(1);
    let mut now = NOW;
    for _ in 0..5 {
        board.hear(News::Loaded(held(1), Err(Error::Away("away".into()))), now);
        let at = board.next_at().unwrap();
        assert_eq!(at.0 - now.0, 1000);
        now = at;
        board.advance(now);
        assert_eq!(loads(&board.orders()), [1]);
    }
}

#[test]
fn a_crowded_lane_lags_if_its_receiver_keeps_answering() {
    let limits = Limits { window: Room { rows: 1000, bytes: MEMORY }, ..LIMITS };
    let mut board = Board::new(10, limits, MEMORY, true);
    own(&mut board, &[1]);
    board.hear(News::Loaded(held(1), Ok(read(Some(target(true)), Vec::new()))), NOW);
    let answered = |number| News::Sent {
        held: held(1),
        delivery: DeliveryId(Uuid::from_u128(number)),
        bearing: Bearing::Bears,
        is_delivered: true,
        took: Duration::ZERO,
    };
    let crowd: Vec<Open> = (1000..1000 + 2 * CROWDED as u128).map(|id| open(id, 0)).collect();
    board.hear(News::Offer(crowd), NOW);
    assert_eq!(board.lags(NOW), HashMap::new(), "nothing was answered: perhaps the receiver hangs");
    (0..640).for_each(|number| board.hear(answered(number), NOW));
    assert_eq!(
        board.lags(NOW),
        [(HOOK, Duration::from_millis(100))].into(),
        "64 wait, 640 were answered in a second"
    );
    assert_eq!(board.lags(NOW.after(Duration::from_secs(3))), HashMap::new(), "no more answers");
}

/// What is sent now, on a board without other nodes.
fn sent_alone(board: &mut Board, now: Timestamp) -> Vec<(HookId, DeliveryId)> {
    board.advance(now);
    let attempt = |order| match order {
        Order::Attempt { given, .. } => Some((given.open.hook, given.open.id)),
        _ => None,
    };
    board.orders().into_iter().filter_map(attempt).collect()
}

/// An attempt ends, and is recorded.
fn end(board: &mut Board, (hook, delivery): (HookId, DeliveryId), took: Duration, now: Timestamp) {
    let (held, bearing) = (OwnedLane { hook, fence: None }, Bearing::Bears);
    board.hear(News::Sent { held, delivery, bearing, is_delivered: true, took }, now);
    let (due_at, health) = (None, None);
    board.hear(News::Finished { held, delivery, was_sent: true, due_at, health }, now);
}

#[test]
fn receivers_that_hang_leave_permits_to_those_that_are_quick() {
    let hook = |number: u128| HookId(Uuid::from_u128(number));
    let offer = |board: &mut Board, number: u128, ids: std::ops::Range<u128>, now| {
        let open_of = |id| Open { hook: hook(number), ..open(id, 0) };
        board.hear(News::Offer(ids.map(open_of).collect()), now);
    };
    let mut board = Board::new(16, LIMITS, MEMORY, false);
    // One receiver that answers, and nearly as many that hang as there are permits.
    for number in 0..=15 {
        board.hear(News::More(vec![hook(number)]), NOW);
        let page = read(Some(target(true)), Vec::new());
        board.hear(News::Loaded(OwnedLane { hook: hook(number), fence: None }, Ok(page)), NOW);
    }
    offer(&mut board, 0, 1..2, NOW);
    let first = sent_alone(&mut board, NOW);
    assert_eq!(first.len(), 1);
    end(&mut board, first[0], Duration::ZERO, NOW);
    let mut attempted = HashMap::<HookId, usize>::new();
    for round in 1..5u128 {
        let now = NOW.after(Duration::from_secs(20 * round as u64));
        for number in 1..=15 {
            let id = 1000 * round + 10 * number;
            offer(&mut board, number, id..id + 3, now);
        }
        let hanging = sent_alone(&mut board, now);
        let share = if round == 1 { 15 } else { 12 };
        assert_eq!(hanging.len(), share, "all but one while they are new; then three quarters");
        for id in 100_000 * round..100_000 * round + 20 {
            offer(&mut board, 0, id..id + 1, now);
            let quick = sent_alone(&mut board, now);
            assert_eq!(quick, [(hook(0), DeliveryId(Uuid::from_u128(id)))], "round {round}");
            end(&mut board, quick[0], Duration::ZERO, now);
        }
        hanging.iter().for_each(|(hook, _)| *attempted.entry(*hook).or_default() += 1);
        // They time out, all at once.
        let late = now.after(Duration::from_secs(15));
        hanging.into_iter().for_each(|one| end(&mut board, one, Duration::from_secs(15), late));
    }
    assert!(attempted.values().all(|times| *times >= 2), "in turn: {attempted:?}");
}

#[test]
fn a_test_does_not_wait_for_receivers_that_hang() {
    let hook = |number: u128| HookId(Uuid::from_u128(number));
    let mut board = Board::new(4, LIMITS, MEMORY, false);
    for number in 1..=4 {
        board.hear(News::More(vec![hook(number)]), NOW);
        let page = read(Some(target(true)), Vec::new());
        board.hear(News::Loaded(OwnedLane { hook: hook(number), fence: None }, Ok(page)), NOW);
        board.hear(News::Offer(vec![Open { hook: hook(number), ..open(number, 0) }]), NOW);
    }
    assert_eq!(sent_alone(&mut board, NOW).len(), 3, "the fourth is held back");
    let test = Open { hook: hook(4), is_test: true, ..open(9, 0) };
    board.hear(News::Offer(vec![test]), NOW);
    assert_eq!(sent_alone(&mut board, NOW), [(hook(4), DeliveryId(Uuid::from_u128(9)))]);
}
