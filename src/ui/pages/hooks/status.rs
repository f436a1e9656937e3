//! A hook's status as a badge and a reason: what follows from its switch, its health and its
//! recent attempts. Start at [`StatusCell`] (a row of the list) or [`StatusPanel`] (the
//! hook's own page).

use leptos::prelude::*;

use crate::{
    domain::{
        hook::Hook,
        hook_status::HookStatus,
        time::{Timestamp, readable_duration},
    },
    ui::widgets::{
        badge::{Badge, Tone},
        datetime::{DateTime, readers_clock},
        icon::{Icon, IconName},
    },
    view::{
        hooks::StatusDetails as Data,
        words::{failure, hooks as words},
    },
};

pub fn tone(status: HookStatus) -> Tone {
    match status {
        HookStatus::Healthy => Tone::Good,
        HookStatus::Degraded | HookStatus::Paused | HookStatus::Throttled => Tone::Warning,
        HookStatus::SwitchedOff => Tone::Bad,
        HookStatus::Quiet | HookStatus::Off => Tone::Neutral,
    }
}

/// The sign of a status, the same in lists, panels and tiles.
pub fn sign(status: HookStatus) -> IconName {
    match status {
        HookStatus::Healthy => IconName::Ok,
        HookStatus::Degraded => IconName::Degraded,
        HookStatus::Throttled => IconName::Waiting,
        HookStatus::Paused => IconName::Paused,
        HookStatus::SwitchedOff => IconName::Blocked,
        HookStatus::Quiet => IconName::Quiet,
        HookStatus::Off => IconName::Off,
    }
}

/// What is read out when the status changes.
fn announced(hook: &Hook, data: &Data) -> String {
    format!("{}: {}", hook.name, data.status.word())
}

/// Badge and reason on one line. The reason is the cell's own text, because every extra element
/// counts in a list of fifty hooks; the tooltip has all of it, and so has the hook's page.
#[component]
pub fn StatusCell(hook: Hook, data: Data, now: Timestamp) -> impl IntoView {
    let status = data.status;
    let announce = announced(&hook, &data);
    let full = full_reason(&hook, &data, now);
    view! {
        <td data-label="Status" class="condition" data-announce=announce
            title=(!full.is_empty()).then_some(full)>
            <Badge tone=tone(status) sign=sign(status) text=status.word()/> " "
            {brief_reason(&hook, &data, now)}
        </td>
    }
}

/// Hours and minutes on the reader's clock.
fn clock_time(at: Timestamp) -> String {
    readers_clock().local(at).get(11..16).unwrap_or_default().to_owned()
}

/// For the row, next to the badge.
fn brief_reason(hook: &Hook, data: &Data, now: Timestamp) -> String {
    let health = &data.health;
    match (data.status, health.paused, health.waits_until) {
        (HookStatus::Paused, Some(pause), _) => {
            let next = match pause.probe_at > now {
                true => format!("in {}", readable_duration(now.until(pause.probe_at))),
                false => "is due".to_owned(),
            };
            format!("{} · next attempt {next}", words::last_response(health.last_answer))
        }
        (HookStatus::Throttled, _, Some(until)) => format!("until {}", clock_time(until)),
        (HookStatus::Degraded, ..) if health.failures > 0 => {
            words::failures_for_list(health.failures, health.last_answer)
        }
        (HookStatus::SwitchedOff | HookStatus::Off, ..) => off_reason(hook, data),
        (HookStatus::Quiet, ..) => String::new(),
        _ if data.day.total() == 0 => String::new(),
        _ => words::brief_share(&data.day),
    }
}

/// For the tooltip: all of it in one sentence or two.
fn full_reason(hook: &Hook, data: &Data, now: Timestamp) -> String {
    let health = &data.health;
    match (data.status, health.waits_until) {
        (HookStatus::Paused, _) => {
            let brief = sentence(&brief_reason(hook, data, now));
            [Some(brief), words::held(data.held)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" ")
        }
        (HookStatus::Throttled, Some(until)) => words::throttled(&clock_time(until)),
        (HookStatus::Quiet, _) => words::NO_EVENTS.to_owned(),
        (HookStatus::Healthy, _) if data.day.total() > 0 => words::success_share(&data.day),
        _ => brief_reason(hook, data, now),
    }
}

fn sentence(words: &str) -> String {
    format!("Last response: {words}.")
}

fn off_reason(hook: &Hook, data: &Data) -> String {
    let reason = hook.off_reason.as_deref().map(words::off_reason);
    [reason, words::held(data.held)].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The status in full sentences, with the next step. `tested`: whether the last test succeeded, and
/// when it was sent.
#[component]
pub fn StatusPanel(
    hook: Hook,
    data: Data,
    pauses_after: u32,
    tested: Option<(bool, Timestamp)>,
    now: Timestamp,
    children: Children,
) -> impl IntoView {
    let status = data.status;
    let class = match tone(status) {
        Tone::Good => "panel with-sign ok",
        Tone::Warning => "panel with-sign warn",
        Tone::Bad => "panel with-sign bad",
        Tone::Neutral => "panel with-sign",
    };
    let (id, announce) = (format!("live-status-{}", hook.id), announced(&hook, &data));
    let advice = data.health.last_answer.map(failure::advice);
    let advice = advice.filter(|_| matches!(status, HookStatus::Paused | HookStatus::Degraded));
    view! {
        <div class=class id=id data-live="" data-announce=announce>
            <Icon name=sign(status)/>
            <div>
                <p><b>{status.word()} ". "</b>{in_words(&hook, data, pauses_after, tested,
                    now)}</p>
                {advice.map(|advice| view! { <p class="advice">{advice}</p> })}
            </div>
            {children()}
        </div>
    }
}

fn in_words(
    hook: &Hook,
    data: Data,
    pauses_after: u32,
    tested: Option<(bool, Timestamp)>,
    now: Timestamp,
) -> AnyView {
    let Data { status, health, day, held, .. } = data;
    let last = words::last_response(health.last_answer);
    let failures = words::consecutive_failures(health.failures);
    let held = words::held(held);
    match (status, health.paused, health.waits_until) {
        (HookStatus::Off, ..) => {
            view! { "New events are skipped. They can be redelivered later. " {held} }.into_any()
        }
        (HookStatus::SwitchedOff, ..) => {
            let reason = hook.off_reason.as_deref().map(words::off_reason);
            let next = hook.off_reason.as_deref().map(words::off_next);
            view! { {reason} " " {next} " " {held} }.into_any()
        }
        (HookStatus::Paused, Some(pause), _) => view! {
            "The pause began " <DateTime at=pause.since now/> " after " {failures} ". Last \
                response: " <b>{last}</b> ". " {held} " Next attempt " <DateTime
                at=pause.probe_at now/> "; if it succeeds, held events are sent. A successful \
                    test resumes delivery immediately."
        }
        .into_any(),
        (HookStatus::Throttled, _, Some(until)) => words::throttled(&clock_time(until)).into_any(),
        (HookStatus::Degraded, ..) if health.failures > 0 => view! {
            {failures} {health.failing_since.map(|since| view! { ", the first " <DateTime
                at=since now/> })} ". Last response: " <b>{last}</b> ". After " {pauses_after} " \
                consecutive failures the hook is paused and its events are held."
        }
        .into_any(),
        (HookStatus::Quiet, ..) => {
            let tested = tested.map(|(is_good, at)| {
                let result = if is_good { "succeeded" } else { "failed" };
                view! { " The last test " {result} " " <DateTime at now/> "." }
            });
            view! { {words::NO_EVENTS} "." {tested} }.into_any()
        }
        _ if day.total() == 0 => "The last attempts succeeded.".into_any(),
        _ => format!("{}.", words::success_share(&day)).into_any(),
    }
}
