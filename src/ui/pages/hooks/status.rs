//! A hook's status as a badge and a reason: what follows from its switch, its health and its
//! recent attempts. Start at [`StatusCell`] (a row of the list) or [`StatusPanel`] (the
//! hook's own page).

use leptos::prelude::*;

use crate::{
    domain::{hook::Hook, hook_status::HookStatus, time::Timestamp},
    ui::widgets::{
        badge::{Badge, Tone},
        datetime::DateTime,
        icon::IconName,
    },
    view::{
        hooks::StatusDetails as Data,
        words::{failure, hooks as words},
    },
};

pub fn tone(status: HookStatus) -> Tone {
    match status {
        HookStatus::Healthy => Tone::Good,
        HookStatus::Degraded | HookStatus::Paused => Tone::Warning,
        HookStatus::SwitchedOff => Tone::Bad,
        HookStatus::Quiet | HookStatus::Off => Tone::Neutral,
    }
}

/// The sign of a status, the same in lists, panels and tiles.
pub fn sign(status: HookStatus) -> IconName {
    match status {
        HookStatus::Healthy => IconName::Ok,
        HookStatus::Degraded => IconName::Degraded,
        HookStatus::Paused => IconName::Paused,
        HookStatus::SwitchedOff => IconName::Blocked,
        HookStatus::Quiet => IconName::Quiet,
        HookStatus::Off => IconName::Off,
    }
}

/// Badge and reason are children of the cell itself: every extra element counts in a list of fifty
/// hooks. The cell contains both variants, for on and for off. CSS shows the one that matches the
/// switch in the same row, so the cell stays correct when the switch is used without a reload.
#[component]
pub fn StatusCell(hook: Hook, data: Data, now: Timestamp) -> impl IntoView {
    let on = HookStatus::when_on(&data.health, &data.day);
    let off = if hook.off_reason.is_some() { HookStatus::SwitchedOff } else { HookStatus::Off };
    let class = if hook.enabled { "condition on" } else { "condition off" };
    let reason_off = off_reason(&hook, &data);
    view! {
        <td data-label="Status" class=class>
            <Badge tone=tone(on) sign=sign(on) text=on.word() class="when-on"/>
            <p class="small when-on">{on_reason(on, data, now)}</p>
            <Badge tone=tone(off) sign=sign(off) text=off.word() class="when-off"/>
            {(!reason_off.is_empty()).then(|| view! { <p class="small when-off">{reason_off}</p> })}
        </td>
    }
}

fn off_reason(hook: &Hook, data: &Data) -> String {
    let reason = hook.off_reason.as_deref().map(words::off_reason);
    [reason, words::held(data.held)].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn on_reason(status: HookStatus, data: Data, now: Timestamp) -> AnyView {
    let Data { health, day, held, .. } = data;
    match (status, health.paused) {
        (HookStatus::Paused, Some(pause)) => view! {
            "Last response: " {words::last_response(health.last_answer)} ". Next attempt " <DateTime
                at=pause.probe_at now/> ". " {words::held(held)}
        }
        .into_any(),
        (HookStatus::Degraded, _) if health.failures > 0 => {
            words::failures_for_list(health.failures, health.last_answer).into_any()
        }
        (HookStatus::Quiet, _) => "Nothing sent in the last 24 hours".into_any(),
        _ => words::success_share(&day).into_any(),
    }
}

/// The status in full sentences, with the next step.
#[component]
pub fn StatusPanel(hook: Hook, data: Data, pauses_after: u32, now: Timestamp) -> impl IntoView {
    let on = HookStatus::when_on(&data.health, &data.day);
    let off = if hook.off_reason.is_some() { HookStatus::SwitchedOff } else { HookStatus::Off };
    let class = if hook.enabled { "condition panel-slot on" } else { "condition panel-slot off" };
    let advice = data.health.last_answer.map(failure::advice);
    let held = words::held(data.held);
    let words_off = match &hook.off_reason {
        None => {
            view! { "New events are skipped. They can be redelivered later. " {held} }.into_any()
        }
        Some(reason) => {
            view! { {words::off_reason(reason)} " " {words::off_next(reason)} " " {held} }
                .into_any()
        }
    };
    view! {
        <div class=class>
            <div class="when-on"><Panel status=on>{on_words(on, data, pauses_after,
                now)}</Panel></div>
            <div class="when-off"><Panel status=off>{words_off}</Panel></div>
        </div>
        {advice.filter(|_| on.is_failing()).map(|advice| view! { <p class="advice">{advice}</p> })}
    }
}

#[component]
fn Panel(status: HookStatus, children: Children) -> impl IntoView {
    let class = match tone(status) {
        Tone::Good => "panel ok",
        Tone::Warning => "panel warn",
        Tone::Bad => "panel bad",
        Tone::Neutral => "panel",
    };
    view! { <p class=class><b>{status.word()} ". "</b> {children()}</p> }
}

fn on_words(status: HookStatus, data: Data, pauses_after: u32, now: Timestamp) -> AnyView {
    let Data { health, day, held, .. } = data;
    let last = words::last_response(health.last_answer);
    let failures = words::consecutive_failures(health.failures);
    match (status, health.paused) {
        (HookStatus::Paused, Some(pause)) => view! {
            "The pause began " <DateTime at=pause.since now/> " after " {failures} ". Last \
                response: " <b>{last}</b> ". " {words::held(held)} " Next attempt " <DateTime
                at=pause.probe_at now/> "; if it succeeds, held events are sent. A successful \
                    test resumes delivery immediately."
        }
        .into_any(),
        (HookStatus::Degraded, _) if health.failures > 0 => view! {
            {failures} {health.failing_since.map(|since| view! { ", the first " <DateTime
                at=since now/> })} ". Last response: " <b>{last}</b> ". After " {pauses_after} " \
                consecutive failures the hook is paused and its events are held."
        }
        .into_any(),
        (HookStatus::Quiet, _) => "Nothing was sent in the last 24 hours.".into_any(),
        _ => format!("{}.", words::success_share(&day)).into_any(),
    }
}
