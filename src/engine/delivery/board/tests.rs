//! The board: lanes that move between nodes, failed loads, back-pressure, and slow receivers.

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::{
    domain::{id::DeliveryId, retry::LoadSignal},
    engine::{
        delivery::{
            attempt::Target,
            lane::{
                Page, Wanted,
                tests::{LIMITS, open, page, target},
            },
        },
        store::queue::PageLimit,
    },
};

const NOW: Timestamp = Timestamp(1_000_000);
const MEMORY: usize = 1 << 20;
const HOOK: HookId = HookId(Uuid::nil());

/// The page of a successful load.
fn read(target: Option<Arc<Target>>, due: Vec<Open>) -> Box<Page> {
    Box::new(page(target, due))
}

fn owned(fence: i64) -> OwnedLane {
    OwnedLane { hook: HOOK, fence: Some(fence) }
}

/// A board that owns the lane under this fence; the first load is under way.
fn board(fence: i64) -> Board {
    let mut board = Board::new(10, LIMITS, MEMORY, true);
    set_lanes(&mut board, &[fence]);
    assert_eq!(loads(&board.take_actions()), [fence]);
    board
}

fn set_lanes(board: &mut Board, fences: &[i64]) {
    board.apply(Input::Lanes(fences.iter().map(|fence| (HOOK, *fence)).collect()), NOW);
}

fn loads(actions: &[Action]) -> Vec<i64> {
    let load = |action: &Action| match action {
        Action::Load { owned, .. } => owned.fence,
        _ => None,
    };
    actions.iter().filter_map(load).collect()
}

/// The attempts that start now, with their fences.
fn sent(board: &mut Board) -> Vec<(u128, i64)> {
    board.advance(NOW);
    let attempt = |action: Action| match action {
        Action::Attempt { outgoing, fence } => Some((outgoing.open.id.0.as_u128(), fence?)),
        _ => None,
    };
    board.take_actions().into_iter().filter_map(attempt).collect()
}

#[test]
fn missed_hints_reload_every_lane() {
    let mut board = board(1);
    board.apply(Input::Loaded(owned(1), Ok(read(Some(target(true)), Vec::new()))), NOW);
    assert!(loads(&board.take_actions()).is_empty());
    board.apply(Input::HintsMissed, NOW);
    assert_eq!(loads(&board.take_actions()), [1]);
}

#[test]
fn a_page_of_an_earlier_ownership_is_ignored() {
    let mut board = board(1);
    // The lane was lost to a node that delivered 7, and regained while the page was being read.
    set_lanes(&mut board, &[]);
    set_lanes(&mut board, &[3]);
    assert_eq!(loads(&board.take_actions()), [3]);
    board.apply(Input::Loaded(owned(1), Ok(read(Some(target(true)), vec![open(7, 0)]))), NOW);
    assert_eq!(sent(&mut board), []);
    board.apply(Input::Loaded(owned(3), Ok(read(Some(target(true)), vec![open(8, 0)]))), NOW);
    assert_eq!(sent(&mut board), [(8, 3)]);
}

#[test]
fn the_end_of_an_attempt_of_an_earlier_ownership_does_not_change_the_lane() {
    let mut board = board(1);
    board.apply(Input::Loaded(owned(1), Ok(read(Some(target(true)), vec![open(1, 0)]))), NOW);
    assert_eq!(sent(&mut board), [(1, 1)]);
    set_lanes(&mut board, &[2]);
    board.apply(Input::Loaded(owned(2), Ok(read(Some(target(true)), vec![open(1, 0)]))), NOW);
    assert_eq!(sent(&mut board), [(1, 2)]);
    let finished = |fence| Input::Finished {
        owned: owned(fence),
        delivery: DeliveryId(Uuid::from_u128(1)),
        was_sent: true,
        due_at: None,
        health: None,
    };
    let answered = |fence| Input::RequestEnded {
        owned: owned(fence),
        delivery: DeliveryId(Uuid::from_u128(1)),
        load_signal: LoadSignal::Accepted,
        is_delivered: true,
        duration: Duration::ZERO,
    };
    board.apply(answered(1), NOW);
    board.apply(finished(1), NOW);
    assert_eq!(board.in_flight(), 1);
    assert!(
        board.idle_among(&[HOOK].into()).is_empty(),
        "a lane with an attempt in flight is not idle"
    );
    board.apply(answered(2), NOW);
    board.apply(finished(2), NOW);
    assert_eq!(board.idle_among(&[HOOK].into()), [HOOK].into());
}

#[test]
fn a_cancelled_handover_resumes_sending() {
    let mut board = board(1);
    board.apply(Input::Loaded(owned(1), Ok(read(Some(target(true)), vec![open(1, 0)]))), NOW);
    board.apply(Input::HandOver([HOOK].into()), NOW);
    assert_eq!(sent(&mut board), []);
    set_lanes(&mut board, &[1]);
    assert_eq!(sent(&mut board), [], "the handover is still pending");
    board.apply(Input::HandOver(HashSet::new()), NOW);
    assert_eq!(sent(&mut board), [(1, 1)]);
}

#[test]
fn a_first_attempt_that_was_not_sent_is_loaded_again() {
    let mut board = board(1);
    board.apply(Input::Loaded(owned(1), Ok(read(Some(target(true)), vec![open(1, 0)]))), NOW);
    assert_eq!(sent(&mut board), [(1, 1)]);
    let (delivery, due_at) = (DeliveryId(Uuid::from_u128(1)), Some(NOW));
    board.apply(
        Input::Finished { owned: owned(1), delivery, was_sent: false, due_at, health: None },
        NOW,
    );
    let actions = board.take_actions();
    assert!(matches!(
        actions[..],
        [Action::Load { wanted: Wanted { first_attempts: true, retries: true, .. }, .. }]
    ));
}

#[test]
fn losing_a_lane_sends_a_hint_to_its_new_owner() {
    let mut board = board(1);
    set_lanes(&mut board, &[]);
    assert!(matches!(
        board.take_actions()[..],
        [Action::HintPeers { hook: HOOK, is_change: false }]
    ));
}

#[test]
fn a_hook_whose_secrets_do_not_decrypt_is_read_with_backoff_until_it_changes() {
    let mut board = board(1);
    let sealed = || Error::Sealed { table: "hooks", column: "api_key" };
    let mut now = NOW;
    let mut waits = Vec::new();
    for _ in 0..11 {
        board.apply(Input::Loaded(owned(1), Err(sealed())), now);
        let at = board.next_at().unwrap();
        waits.push((at.0 - now.0) / 1000);
        now = at;
        board.advance(now);
        assert_eq!(loads(&board.take_actions()), [1]);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    // The delivery is still open, and a change of the hook ends the backoff.
    board.apply(Input::Loaded(owned(1), Err(sealed())), now);
    board.apply(Input::Changed(vec![HOOK]), now);
    assert_eq!(loads(&board.take_actions()), [1]);
    board.apply(Input::Loaded(owned(1), Ok(read(Some(target(true)), vec![open(7, 0)]))), now);
    board.advance(now);
    assert!(board.take_actions().iter().any(|action| matches!(action, Action::Attempt { .. })));
}

#[test]
fn an_unavailable_database_is_retried_every_second() {
    let mut board = board(1);
    let mut now = NOW;
    for _ in 0..5 {
        board.apply(Input::Loaded(owned(1), Err(Error::Unreachable("away".into()))), now);
        let at = board.next_at().unwrap();
        assert_eq!(at.0 - now.0, 1000);
        now = at;
        board.advance(now);
        assert_eq!(loads(&board.take_actions()), [1]);
    }
}

#[test]
fn a_crowded_lane_lags_if_its_receiver_keeps_answering() {
    let limits = Limits { window: PageLimit { rows: 1000, bytes: MEMORY }, ..LIMITS };
    let mut board = Board::new(10, limits, MEMORY, true);
    set_lanes(&mut board, &[1]);
    board.apply(Input::Loaded(owned(1), Ok(read(Some(target(true)), Vec::new()))), NOW);
    let answered = |number| Input::RequestEnded {
        owned: owned(1),
        delivery: DeliveryId(Uuid::from_u128(number)),
        load_signal: LoadSignal::Accepted,
        is_delivered: true,
        duration: Duration::ZERO,
    };
    let crowd: Vec<Open> = (1000..1000 + 2 * CROWDED as u128).map(|id| open(id, 0)).collect();
    board.apply(Input::Offer(crowd), NOW);
    assert_eq!(board.lags(NOW), HashMap::new(), "no response yet: the receiver may hang");
    (0..640).for_each(|number| board.apply(answered(number), NOW));
    assert_eq!(
        board.lags(NOW),
        [(HOOK, Duration::from_millis(100))].into(),
        "64 queued, 640 responses in the last second"
    );
    assert_eq!(board.lags(NOW.after(Duration::from_secs(3))), HashMap::new(), "no more responses");
}

/// The attempts that start now, on a board without other nodes.
fn sent_alone(board: &mut Board, now: Timestamp) -> Vec<(HookId, DeliveryId)> {
    board.advance(now);
    let attempt = |action| match action {
        Action::Attempt { outgoing, .. } => Some((outgoing.open.hook, outgoing.open.id)),
        _ => None,
    };
    board.take_actions().into_iter().filter_map(attempt).collect()
}

/// An attempt ends, and is recorded.
fn end(
    board: &mut Board,
    (hook, delivery): (HookId, DeliveryId),
    duration: Duration,
    now: Timestamp,
) {
    let (owned, load_signal) = (OwnedLane { hook, fence: None }, LoadSignal::Accepted);
    board.apply(
        Input::RequestEnded { owned, delivery, load_signal, is_delivered: true, duration },
        now,
    );
    let (due_at, health) = (None, None);
    board.apply(Input::Finished { owned, delivery, was_sent: true, due_at, health }, now);
}

#[test]
fn receivers_that_hang_leave_permits_to_quick_ones() {
    let hook = |number: u128| HookId(Uuid::from_u128(number));
    let offer = |board: &mut Board, number: u128, ids: std::ops::Range<u128>, now| {
        let open_of = |id| Open { hook: hook(number), ..open(id, 0) };
        board.apply(Input::Offer(ids.map(open_of).collect()), now);
    };
    let mut board = Board::new(16, LIMITS, MEMORY, false);
    // One quick receiver, and 15 that hang, with 16 permits.
    for number in 0..=15 {
        board.apply(Input::More(vec![hook(number)]), NOW);
        let page = read(Some(target(true)), Vec::new());
        board.apply(Input::Loaded(OwnedLane { hook: hook(number), fence: None }, Ok(page)), NOW);
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
        assert_eq!(hanging.len(), share, "new: all permits but one; slow: three quarters");
        for id in 100_000 * round..100_000 * round + 20 {
            offer(&mut board, 0, id..id + 1, now);
            let quick = sent_alone(&mut board, now);
            assert_eq!(quick, [(hook(0), DeliveryId(Uuid::from_u128(id)))], "round {round}");
            end(&mut board, quick[0], Duration::ZERO, now);
        }
        hanging.iter().for_each(|(hook, _)| *attempted.entry(*hook).or_default() += 1);
        // All of them time out at the same time.
        let late = now.after(Duration::from_secs(15));
        hanging
            .into_iter()
            .for_each(|attempt| end(&mut board, attempt, Duration::from_secs(15), late));
    }
    assert!(attempted.values().all(|times| *times >= 2), "round-robin: {attempted:?}");
}

#[test]
fn a_test_does_not_wait_for_receivers_that_hang() {
    let hook = |number: u128| HookId(Uuid::from_u128(number));
    let mut board = Board::new(4, LIMITS, MEMORY, false);
    for number in 1..=4 {
        board.apply(Input::More(vec![hook(number)]), NOW);
        let page = read(Some(target(true)), Vec::new());
        board.apply(Input::Loaded(OwnedLane { hook: hook(number), fence: None }, Ok(page)), NOW);
        board.apply(Input::Offer(vec![Open { hook: hook(number), ..open(number, 0) }]), NOW);
    }
    assert_eq!(sent_alone(&mut board, NOW).len(), 3, "the fourth is held back");
    let test = Open { hook: hook(4), is_test: true, ..open(9, 0) };
    board.apply(Input::Offer(vec![test]), NOW);
    assert_eq!(sent_alone(&mut board, NOW), [(hook(4), DeliveryId(Uuid::from_u128(9)))]);
}
