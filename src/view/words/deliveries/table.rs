//! Every sentence and button of the delivery page, by state, hook and permission.

use super::{tests::delivery, *};
use crate::domain::{
    delivery::State::{Cancelled, Delivered, Failed, Held, Pending, Skipped, Waiting},
    redelivery::{
        HookNow::{self, Deleted, On, Paused, Throttled},
        Remedy, possible, remedy,
    },
};

const NOW: Timestamp = Timestamp(600_000);
const OFF: HookNow = HookNow::Off { is_gone: false };
const GONE: HookNow = HookNow::Off { is_gone: true };
const LATER: HookNow = Throttled(Timestamp(780_000));

/// State, attempts, last status, due at, hook; the sentence; the button of those who may do all.
type Row = (State, u32, Option<u16>, Option<i64>, HookNow, &'static str, Option<Remedy>);

const TRY: Option<Remedy> = Some(Remedy::TryNow);
const AGAIN: Option<Remedy> = Some(Remedy::Redeliver);
const ON: Option<Remedy> = Some(Remedy::TurnOn);
const EDIT: Option<Remedy> = Some(Remedy::EditUrl);

const OPEN: &[Row] = &[
    (Pending, 0, None, Some(600_000), On, "The first attempt is queued or running.", None),
    (
        Pending,
        0,
        None,
        Some(480_000),
        On,
        "The first attempt has been queued or running for 2 min.",
        None,
    ),
    (
        Pending,
        0,
        None,
        Some(600_000),
        OFF,
        "The hook is off. It will be sent automatically once \
        the hook is turned on.",
        ON,
    ),
    (
        Pending,
        0,
        None,
        Some(600_000),
        Paused,
        "The hook is paused. It will be sent as the next \
        probe, or once the hook recovers.",
        None,
    ),
    (
        Pending,
        0,
        None,
        Some(600_000),
        LATER,
        "The receiver asked for a pause: the first attempt \
        is due in 3 minutes.",
        None,
    ),
    (
        Pending,
        0,
        None,
        Some(600_000),
        Deleted,
        "The hook was deleted. This will be cancelled.",
        None,
    ),
    (
        Waiting,
        2,
        Some(503),
        Some(720_000),
        On,
        "Attempt 2 failed: 503 Service Unavailable. The \
        next attempt is due in 2 minutes.",
        TRY,
    ),
    (
        Waiting,
        2,
        Some(503),
        Some(600_000),
        On,
        "Attempt 2 failed: 503 Service Unavailable. The \
        next attempt is queued or running.",
        TRY,
    ),
    (
        Waiting,
        2,
        Some(503),
        Some(720_000),
        Paused,
        "Attempt 2 failed: 503 Service Unavailable. \
        The hook is paused. It will be sent as the next probe, or once the hook recovers.",
        TRY,
    ),
    (
        Waiting,
        2,
        Some(410),
        Some(720_000),
        GONE,
        "Attempt 2 failed: 410 Gone. The hook is off. \
        It will be sent automatically once the hook is turned on.",
        EDIT,
    ),
    (
        Waiting,
        1,
        Some(200),
        Some(600_000),
        On,
        "Redelivery pending. Attempt 2 is queued or \
        running.",
        TRY,
    ),
    (
        Waiting,
        1,
        Some(200),
        Some(720_000),
        Deleted,
        "Redelivery pending. The hook was deleted. \
        This will be cancelled.",
        None,
    ),
    (
        Held,
        0,
        None,
        None,
        OFF,
        "Held: the hook is off. It will be sent automatically once the \
        hook is turned on.",
        ON,
    ),
    (
        Held,
        3,
        Some(500),
        None,
        Paused,
        "Held after 3 attempts: the hook is paused. It will be \
        sent automatically once the hook recovers.",
        TRY,
    ),
    (
        Held,
        0,
        None,
        None,
        On,
        "Held until its turn: the hook is on and sends its held events.",
        TRY,
    ),
    (Held, 0, None, None, Deleted, "Held: the hook was deleted. This will be cancelled.", None),
];

const SETTLED: &[Row] = &[
    (
        Delivered,
        1,
        Some(204),
        None,
        On,
        "The first attempt succeeded: 204 No Content in 1,204 \
        ms.",
        None,
    ),
    (Delivered, 3, Some(200), None, OFF, "Succeeded after 3 attempts: 200 OK in 1,204 ms.", None),
    (
        Failed,
        4,
        Some(503),
        None,
        On,
        "Failed after 4 attempts. Last response: 503 Service \
        Unavailable.",
        AGAIN,
    ),
    (Failed, 1, Some(404), None, On, "Failed after 1 attempt. Last response: 404 Not Found.", EDIT),
    (Failed, 1, Some(410), None, GONE, "Failed after 1 attempt. Last response: 410 Gone.", EDIT),
    (
        Failed,
        1,
        Some(500),
        None,
        OFF,
        "Failed after 1 attempt. Last response: 500 Internal \
        Server Error.",
        ON,
    ),
    (
        Failed,
        1,
        Some(500),
        None,
        Deleted,
        "Failed after 1 attempt. Last response: 500 Internal \
        Server Error.",
        None,
    ),
    (Skipped, 0, None, None, OFF, "Skipped: because.", ON),
    (Skipped, 0, None, None, On, "Skipped: because.", AGAIN),
    (Cancelled, 0, None, None, On, "Cancelled: because.", None),
    (Cancelled, 1, Some(500), None, Deleted, "Cancelled: because.", None),
];

fn hook_is_on(hook: HookNow) -> Option<bool> {
    match hook {
        Deleted => None,
        HookNow::Off { .. } => Some(false),
        On | Throttled(_) | Paused => Some(true),
    }
}

fn made(row: &Row) -> Delivery {
    let (state, attempts, status, due_at, hook, ..) = *row;
    let reason = match (state, hook) {
        (Held, HookNow::Off { .. }) => Acceptance::Off.hold_reason(),
        (Held, _) => Acceptance::Paused.hold_reason(),
        (Skipped | Cancelled, _) => Some("because"),
        _ => None,
    };
    Delivery {
        reason: reason.map(str::to_owned),
        due_at: due_at.map(Timestamp),
        ..delivery(state, attempts, status.map(Answer::Status))
    }
}

#[test]
fn every_state_has_a_true_sentence_and_one_button_that_helps() {
    for row in OPEN.iter().chain(SETTLED) {
        let (.., hook, sentence, button) = *row;
        let it = made(row);
        let said = summary(&it, hook, NOW);
        assert_eq!(said, sentence, "{row:?}");
        let can = possible(&it, hook_is_on(hook), true).ok();
        assert_eq!(remedy(&it, hook, can, true), button, "{row:?}");
        // Each permission alone offers nothing that needs the other.
        let replays = remedy(&it, hook, can, false);
        assert!(matches!(replays, None | TRY | AGAIN), "{row:?} {replays:?}");
        let writes = remedy(&it, hook, None, true);
        assert!(matches!(writes, None | ON | EDIT), "{row:?} {writes:?}");
        assert_eq!(remedy(&it, hook, None, false), None, "{row:?}");
        let test = Delivery { is_test: true, ..it };
        assert_eq!(remedy(&test, hook, None, true), None, "{row:?}");
    }
    let missing =
        State::ALL.iter().find(|state| !OPEN.iter().chain(SETTLED).any(|row| row.0 == **state));
    assert_eq!(missing, None);
}

#[test]
fn a_dismissal_is_told_with_its_reason() {
    let reason = Some("dismissed by ann@example.com: called back by phone".to_owned());
    let it = Delivery { reason, ..delivery(Cancelled, 0, None) };
    assert_eq!(summary(&it, On, NOW), "Dismissed by ann@example.com. Called back by phone.");
}

#[test]
fn a_test_is_sent_whatever_the_switch() {
    let it = Delivery { is_test: true, due_at: Some(NOW), ..delivery(Pending, 0, None) };
    for hook in [OFF, GONE, Paused, On] {
        assert_eq!(summary(&it, hook, NOW), "The first attempt is queued or running.");
    }
}
