//! Every status of a hook with every reason and every permission: the panel says one thing, says it
//! completely, and offers one remedy at most.

use std::{collections::BTreeSet, time::Duration};

use leptos::prelude::*;

use super::{super::status::StatusCell, *};
use crate::{
    domain::{
        delivery::Answer,
        event::EventType,
        health::{Health, Pause},
        hook::Tuning,
        id::HookId,
        measured::Outcomes,
        time::Timestamp,
    },
    view::hooks::StatusDetails,
};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn hook(enabled: bool, off_reason: Option<&str>) -> Hook {
    Hook {
        id: HookId(uuid::Uuid::nil()),
        name: "CRM".to_owned(),
        event_type: EventType::WorkItemClosed,
        callback_url: "https://example.org/in".to_owned(),
        enabled,
        off_reason: off_reason.map(str::to_owned),
        api_key_hint: String::new(),
        tuning: Tuning::default(),
        created_at: NOW,
        updated_at: NOW,
        version: 1,
    }
}

/// Every health, from the point of view of what pages say about it.
fn healths() -> Vec<Health> {
    let answers = [
        None,
        Some(Answer::Status(503)),
        Some(Answer::Status(410)),
        Some(Answer::Timeout),
        Some(Answer::DnsFailed),
        Some(Answer::LocalFailure),
    ];
    let mut all = vec![Health::default()];
    for last_answer in answers {
        for failures in [1, 20] {
            let failing = Health {
                failures,
                failing_since: Some(NOW.before(Duration::from_secs(600))),
                last_answer,
                ..Health::default()
            };
            // A probe that is due, and one that is not.
            for wait in [0, 90] {
                let pause = Pause {
                    since: NOW.before(Duration::from_secs(60)),
                    probe_at: NOW.after(Duration::from_secs(wait)),
                    probes: 0,
                };
                all.push(Health { paused: Some(pause), ..failing });
            }
            let waits_until = Some(NOW.after(Duration::from_secs(300)));
            all.push(Health { waits_until, ..failing });
            all.push(failing);
        }
    }
    all
}

/// A case of the table.
struct Case {
    hook: Hook,
    details: StatusDetails,
    tested: Option<(bool, Timestamp)>,
}

fn cases() -> Vec<Case> {
    let hooks = [
        hook(true, None),
        hook(false, None),
        hook(false, Some("the receiver answered 410 Gone")),
        hook(false, Some("every delivery failed for 5 days")),
    ];
    let days = [(0, 0), (3, 0), (0, 3), (100, 0), (50, 50)];
    let tests = [None, Some((true, NOW)), Some((false, NOW))];
    let mut all = Vec::new();
    for hook in &hooks {
        for health in healths() {
            for (succeeded, failed) in days {
                for (held, tested) in [0, 1, 10_001].into_iter().zip(tests) {
                    let day = Outcomes { succeeded, failed };
                    let details = StatusDetails {
                        status: HookStatus::of(hook, &health, &day, NOW),
                        health,
                        day,
                        held,
                        held_since: (held > 0).then_some(NOW),
                    };
                    all.push(Case { hook: hook.clone(), details, tested });
                }
            }
        }
    }
    all
}

/// The text of a piece of HTML, without comments.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut is_tag = false;
    let parts = html.split("<!--").enumerate();
    let shown = parts.map(|(at, part)| match part.split_once("-->") {
        Some((_, after)) if at > 0 => after,
        _ => part,
    });
    for letter in shown.flat_map(str::chars) {
        match letter {
            '<' => is_tag = true,
            '>' => is_tag = false,
            letter if !is_tag => text.push(letter),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn panel(case: &Case, permissions: Permissions) -> String {
    let (hook, data, tested) = (case.hook.clone(), case.details.clone(), case.tested);
    let (id, status) = (hook.id.to_string(), data.status);
    view! {
        <StatusPanel hook data pauses_after=20 tested now=NOW>
            <Help id status permissions/>
        </StatusPanel>
    }
    .to_html()
}

fn may(permissions: &[Permission]) -> Permissions {
    permissions.iter().copied().collect()
}

#[test]
fn every_status_is_said_completely_and_has_one_remedy() {
    let both = [Permission::DeliveriesReplay, Permission::HooksWrite];
    let mut seen = BTreeSet::new();
    for case in cases() {
        let status = case.details.status;
        seen.insert(status);
        for permissions in [may(&[]), may(&both[..1]), may(&both[1..]), may(&both)] {
            let html = panel(&case, permissions);
            let said = text(&html);
            let buttons = html.matches("<button").count();
            let sentence = said.strip_prefix(&format!("{}. ", status.word()));
            let sentence = sentence.unwrap_or_else(|| panic!("{said}"));
            assert!(sentence.len() > 10, "{said}");
            assert!(
                sentence
                    .trim_end_matches("Try now")
                    .trim_end_matches("Turn on")
                    .trim_end()
                    .ends_with('.'),
                "{said}"
            );
            for broken in ["..", " .", ",.", ": .", " ,", "None", "Some(", " 0 ms", " 0 s"] {
                assert!(!said.contains(broken), "{broken:?} in: {said}");
            }
            let may_send = permissions.has(Permission::DeliveriesReplay)
                && matches!(status, HookStatus::Paused | HookStatus::Degraded);
            let may_turn_on = permissions.has(Permission::HooksWrite)
                && matches!(status, HookStatus::Off | HookStatus::SwitchedOff);
            assert_eq!(buttons, usize::from(may_send || may_turn_on), "{said}");
            contradicts_nothing(&case, &said);
        }
    }
    assert_eq!(seen.len(), HookStatus::ALL.len(), "{seen:?}");
}

/// What a panel must not say in a status.
fn contradicts_nothing(case: &Case, said: &str) {
    let wrong: &[&str] = match case.details.status {
        HookStatus::Off | HookStatus::SwitchedOff => {
            &["Next attempt", "pause", "succeeded", "consecutive", "No events", "Try now"]
        }
        HookStatus::Paused => &["skipped", "Turn on", "No events", "is turned on"],
        HookStatus::Throttled => &["skipped", "Turn on", "consecutive", "No events", "Fix "],
        HookStatus::Degraded => &["skipped", "Turn on", "No events", "event held", "events held"],
        HookStatus::Healthy => &["failed", "skipped", "held", "Fix ", "Turn on", "Try now"],
        HookStatus::Quiet => &["attempts succeeded", "skipped", "held", "Turn on", "Try now"],
    };
    for words in wrong {
        assert!(!said.contains(words), "{words:?} in: {said}");
    }
    if case.details.status == HookStatus::SwitchedOff {
        let is_gone = case.hook.off_reason.as_deref().is_some_and(|reason| reason.contains("410"));
        let remedies = [said.contains("new URL"), said.contains("Fix the receiver")];
        assert_eq!(remedies, [is_gone, !is_gone], "{said}");
    }
}

#[test]
fn a_row_of_the_list_says_no_more_than_the_panel() {
    for case in cases() {
        let Case { hook, details, .. } = case;
        let status = details.status;
        let html = view! { <StatusCell hook data=details.clone() now=NOW/> }.to_html();
        let said = text(&html);
        assert!(said.starts_with(status.word()), "{said}");
        let title = html.split("title=\"").nth(1).map(|rest| rest.split('"').next().unwrap());
        assert!(title.is_none_or(|title| !title.trim().is_empty()), "{html}");
        for broken in ["..", " .", ",.", ": .", "None", "0 of 0", "Last response: Last", " 0 ms"] {
            let shown = format!("{said} | {}", title.unwrap_or_default());
            assert!(!shown.contains(broken), "{broken:?} in: {shown}");
        }
    }
}
