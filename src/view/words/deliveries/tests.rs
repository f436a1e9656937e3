//! States, reasons and numbers decide the sentences about deliveries.

use uuid::Uuid;

use super::*;
use crate::domain::{
    event::EventType,
    id::{DeliveryId, EventId, HookId},
    redelivery::HookNow,
};

pub(super) fn delivery(state: State, attempts: u32, last_answer: Option<Answer>) -> Delivery {
    Delivery {
        id: DeliveryId(Uuid::nil()),
        event_id: EventId(Uuid::nil()),
        hook_id: HookId(Uuid::nil()),
        event_type: EventType::WorkItemClosed,
        state,
        reason: None,
        is_test: false,
        attempts,
        last_answer,
        last_duration_ms: last_answer.map(|_| 1204),
        due_at: None,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    }
}

#[test]
fn a_summary_says_the_outcome_and_the_next_step() {
    let status = |status| Some(Answer::Status(status));
    let said = |state, attempts, answer| {
        summary(&delivery(state, attempts, answer), HookNow::On, Timestamp(0))
    };
    assert_eq!(
        said(State::Delivered, 1, status(200)),
        "The first attempt succeeded: 200 OK in 1,204 ms."
    );
    assert_eq!(
        said(State::Delivered, 2, status(299)),
        "Succeeded after 2 attempts: 299 in 1,204 ms."
    );
    assert_eq!(
        said(State::Failed, 4, status(503)),
        "Failed after 4 attempts. Last response: 503 Service Unavailable."
    );
    assert_eq!(said(State::Failed, 1, Some(Answer::Timeout)), "Failed after 1 attempt. Timed out.");
    assert_eq!(said(State::Pending, 0, None), "The first attempt is queued or running.");
    assert_eq!(said(State::Skipped, 0, None), "Skipped.");
}

#[test]
fn a_redelivery_after_a_success_is_not_a_failure() {
    let redelivered = delivery(State::Waiting, 1, Some(Answer::Status(200)));
    assert_eq!(
        summary(&redelivered, HookNow::On, Timestamp(0)),
        "Redelivery pending. Attempt 2 is queued or running."
    );
    assert_eq!(attempt_due(true), "The redelivery is due.");
    assert_eq!(attempt_due(false), "The next attempt is due.");
}

#[test]
fn a_reason_never_promises_what_a_refusal_denies() {
    let skipped = |reason: &str| {
        let skipped = delivery(State::Skipped, 0, None);
        summary(&Delivery { reason: Some(reason.to_owned()), ..skipped }, HookNow::On, Timestamp(0))
    };
    assert_eq!(skipped("the hook was off"), "Skipped: the hook was off.");
    assert_eq!(
        skipped("the hook's queue is full: its oldest delivery has waited too long"),
        "Skipped: the hook's queue is full. Its oldest delivery has waited too long."
    );
}

fn held_by(acceptance: Acceptance, attempts: u32, answer: Option<Answer>) -> Delivery {
    let reason = acceptance.hold_reason().map(str::to_owned);
    Delivery { reason, ..delivery(State::Held, attempts, answer) }
}

#[test]
fn a_held_delivery_may_have_had_attempts() {
    let said = |held: &Delivery, hook| summary(held, hook, Timestamp(0));
    assert_eq!(
        said(&held_by(Acceptance::Paused, 0, None), HookNow::Paused),
        "Held: the hook is paused. It will be sent automatically once the hook recovers."
    );
    assert_eq!(
        said(&held_by(Acceptance::Off, 2, Some(Answer::Status(503))), OFF),
        "Held after 2 attempts: the hook is off. It will be sent automatically once the hook \
         is turned on."
    );
}

#[test]
fn a_redelivery_that_is_held_says_until_when() {
    let (off, paused) = (held_by(Acceptance::Off, 1, None), held_by(Acceptance::Paused, 1, None));
    assert_eq!(
        accepted(Act::Redeliver, &off),
        "Redelivery queued. The hook is off: the event is held until the hook is turned on."
    );
    assert_eq!(
        accepted(Act::Redeliver, &paused),
        "Redelivery queued. The hook is paused: the event is held until the hook recovers."
    );
    let mut all = Redelivered { refused: 2, ..Redelivered::default() };
    assert_eq!(all.sentence(), "Nothing was redelivered: 2 deliveries can't be redelivered now.");
    all.add(Act::Redeliver, &off);
    all.add(Act::Redeliver, &paused);
    all.add(Act::Redeliver, &paused);
    assert_eq!(
        all.sentence(),
        "1 event is held until its hook is turned on. 2 events are held until their hook \
         recovers. 2 were left out: they can't be redelivered now."
    );
    let waiting = delivery(State::Waiting, 1, None);
    assert_eq!(accepted(Act::Redeliver, &waiting), "Redelivery started.");
}

#[test]
fn a_summary_names_the_time_of_the_next_attempt() {
    let waiting = Delivery {
        due_at: Some(Timestamp(240_000)),
        ..delivery(State::Waiting, 3, Some(Answer::Timeout))
    };
    assert_eq!(
        summary(&waiting, HookNow::On, Timestamp(0)),
        "Attempt 3 failed: timed out. The next attempt is due in 4 minutes."
    );
    assert!(summary(&waiting, HookNow::On, Timestamp(240_000)).ends_with("is queued or running."));
}

#[test]
fn numbers_decide_the_words() {
    assert_eq!(send_title(0, 0, false), "No deliveries selected");
    assert_eq!(send_title(2, 0, true), "Redeliver 2 events?");
    assert_eq!(send_title(2, 1, true), "Redeliver 2 events, and try 1 waiting event now?");
    assert_eq!(send_title(0, 1, false), "Try this event now?");
    let redelivered = Redelivered { sent: 2, refused: 1, ..Redelivered::default() };
    assert_eq!(
        redelivered.sentence(),
        "Redelivering 2 events. 1 was left out: it can't be redelivered now."
    );
    assert_eq!(redeliver_matching(Some(1204)), "Redeliver all 1,204 matching events");
    assert!(redeliver_matching(Some(MANY + 1)).ends_with("(more than 10,000)"));
    assert_eq!(kept(90, 1), "Deliveries are kept for 90 days, payloads for 1 day.");
    assert_eq!(stored_response(16_384, true), "Truncated to the first 16 KiB.");
}

const OFF: HookNow = HookNow::Off { is_gone: false };

/// For every state, switch and payload: the sentence, the reason and the button agree.
#[test]
fn what_is_said_agrees_with_what_can_be_done() {
    use crate::domain::redelivery::{Refusal, possible};
    for state in State::ALL.iter().copied() {
        for is_on in [Some(true), Some(false), None] {
            for (has_payload, attempts) in [(true, 0), (true, 3), (false, 0), (false, 3)] {
                for is_test in [true, false] {
                    let answer = (attempts > 0).then_some(Answer::Status(503));
                    let hold =
                        if is_on == Some(false) { Acceptance::Off } else { Acceptance::Paused };
                    let reason = (state == State::Held).then(|| hold.hold_reason()).flatten();
                    let reason = reason.map(str::to_owned);
                    let it = Delivery { reason, is_test, ..delivery(state, attempts, answer) };
                    let hook = match is_on {
                        Some(true) => HookNow::Paused,
                        Some(false) => OFF,
                        None => HookNow::Deleted,
                    };
                    let said = summary(&it, hook, Timestamp(0));
                    let case = format!("{state:?} {is_on:?} {has_payload} {attempts}: {said}");
                    match possible(&it, is_on, has_payload) {
                        Ok(done) => {
                            assert!(!is_test && has_payload && is_on.is_some(), "{case}");
                            assert_eq!(done == Act::TryNow, !state.is_final(), "{case}");
                            assert_eq!(act(done) == "Redeliver", state.is_final(), "{case}");
                        }
                        Err(refusal) => {
                            let why = refusal.sentence();
                            assert!(!why.contains("can be"), "{case} {why}");
                            // What happens by itself is never called impossible.
                            let waits = said.contains("will be sent automatically");
                            assert!(
                                !(waits
                                    && refusal == Refusal::HookOff
                                    && why.contains("You can't")),
                                "{case} {why}"
                            );
                        }
                    }
                }
            }
        }
    }
}
