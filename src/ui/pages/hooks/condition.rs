//! What a hook does at present: not what the slider says, but what follows from it.

use leptos::prelude::*;

use crate::{
    domain::{
        delivery::Answer,
        hook::Hook,
        measured::Outcomes,
        standing::Standing,
        time::Timestamp,
        words::{MANY, count, count_to, grouped},
    },
    ui::widgets::{
        badge::{Badge, Tone},
        datetime::DateTime,
    },
    view::hooks::Condition as Data,
};

pub fn tone(standing: Standing) -> Tone {
    match standing {
        Standing::Healthy => Tone::Good,
        Standing::Degraded | Standing::Paused => Tone::Warning,
        Standing::SwitchedOff => Tone::Bad,
        Standing::Quiet | Standing::Off => Tone::Neutral,
    }
}

/// Badge and reason, each child of the cell itself: a page of fifty hooks has a hundred conditions.
/// Both answers are there, for on and for off, and the style shows the one that fits the slider
/// beside it, so that it stays true when the slider is moved without a new page.
#[component]
pub fn ConditionCell(hook: Hook, data: Data, now: Timestamp) -> impl IntoView {
    let on = Standing::when_on(&data.health, &data.day);
    let off = if hook.off_reason.is_some() { Standing::SwitchedOff } else { Standing::Off };
    let class = if hook.enabled { "condition on" } else { "condition off" };
    let reason_off = off_reason(&hook, &data);
    view! {
        <td data-label="Health" class=class>
            <Badge tone=tone(on) text=on.word() class="when-on"/>
            <p class="small when-on">{on_reason(on, data, now)}</p>
            <Badge tone=tone(off) text=off.word() class="when-off"/>
            {(!reason_off.is_empty()).then(|| view! { <p class="small when-off">{reason_off}</p> })}
        </td>
    }
}

fn off_reason(hook: &Hook, data: &Data) -> String {
    let why = hook.off_reason.as_ref().map(|reason| format!("Because {reason}."));
    let held = (data.held > 0).then(|| format!("{} held.", count_to(data.held, MANY, "event")));
    [why, held].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn on_reason(standing: Standing, data: Data, now: Timestamp) -> AnyView {
    let Data { health, day, held, .. } = data;
    match (standing, health.paused) {
        (Standing::Paused, Some(pause)) => {
            let held = (held > 0).then(|| format!("; {} held", count_to(held, MANY, "event")));
            view! { {failing(health.last_answer)} ", next probe " <DateTime
            at=pause.probe_at now/> {held} }
            .into_any()
        }
        (Standing::Degraded, _) if health.failures > 0 => {
            let times = if health.failures == 1 {
                "the last attempt failed".to_owned()
            } else {
                format!("the last {} attempts failed", health.failures)
            };
            view! { {failing(health.last_answer)} "; " {times} }.into_any()
        }
        (Standing::Quiet, _) => "Nothing sent in 24 hours".into_any(),
        _ => share(&day).into_any(),
    }
}

/// `503`, `Timed out`: what the receiver does instead of taking events.
fn failing(answer: Option<Answer>) -> String {
    let words = answer.map(Answer::short).unwrap_or_else(|| "Failing".to_owned());
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `1,204 of 1,204 succeeded in 24 hours`
fn share(day: &Outcomes) -> String {
    format!("{} of {} succeeded in 24 hours", grouped(day.succeeded), count(day.total(), "attempt"))
}

/// The condition in a sentence, with what to do: on the hook's own page.
#[component]
pub fn ConditionPanel(hook: Hook, data: Data, pauses_after: u32, now: Timestamp) -> impl IntoView {
    let on = Standing::when_on(&data.health, &data.day);
    let off = if hook.off_reason.is_some() { Standing::SwitchedOff } else { Standing::Off };
    let class = if hook.enabled { "condition panel-slot on" } else { "condition panel-slot off" };
    let advice = data.health.last_answer.map(Answer::advice);
    let held =
        (data.held > 0).then(|| format!(" {} held meanwhile.", count_to(data.held, MANY, "event")));
    let words_off = match &hook.off_reason {
        None => view! { "Events are recorded as skipped and can be sent later \
        with " <b>"Recover"</b> "." {held} }
        .into_any(),
        Some(reason) => {
            view! { "Because " {reason.clone()} ". Repair the receiver, then slide the hook \
            on." {held} }
            .into_any()
        }
    };
    view! {
        <div class=class>
            <div class="when-on"><Panel standing=on>{on_words(on, data, pauses_after,
                now)}</Panel></div>
            <div class="when-off"><Panel standing=off>{words_off}</Panel></div>
        </div>
        {advice.filter(|_| on.is_failing()).map(|advice| view! { <p class="advice">{advice}</p> })}
    }
}

#[component]
fn Panel(standing: Standing, children: Children) -> impl IntoView {
    let class = match tone(standing) {
        Tone::Good => "panel ok",
        Tone::Warning => "panel warn",
        Tone::Bad => "panel bad",
        Tone::Neutral => "panel",
    };
    view! { <p class=class><b>{standing.word()} ". "</b> {children()}</p> }
}

fn on_words(standing: Standing, data: Data, pauses_after: u32, now: Timestamp) -> AnyView {
    let Data { health, day, held, .. } = data;
    let answer = failing(health.last_answer);
    let since = health.failing_since;
    match (standing, health.paused) {
        (Standing::Paused, Some(pause)) => view! {
            "It was paused " <DateTime
                at=pause.since now/> ", after " {count(i64::from(health.failures),
                    "failure")} " in a row. Last answer: " <b>{answer}</b>
            ". " {count_to(held, MANY, "event")} " held; the next probe is " <DateTime
                at=pause.probe_at now/> " and a success sends them in order. A test that succeeds \
                    does so at once."
        }
        .into_any(),
        (Standing::Degraded, _) if health.failures > 0 => view! {
            {count(i64::from(health.failures),
                "failure")} " in a row, the first " {since.map(|since| view! { <DateTime
                    at=since now/> })} ". Last answer: "
            <b>{answer}</b> ". After " {pauses_after} " in a row the hook is paused and its events \
                are held."
        }
        .into_any(),
        (Standing::Quiet, _) => "Nothing was sent in the last 24 hours.".into_any(),
        _ => format!("{}.", share(&day)).into_any(),
    }
}
