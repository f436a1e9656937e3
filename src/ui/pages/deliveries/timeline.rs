//! The attempts of a delivery, the last one first: when, what came back, what it took its time on,
//! and what followed.

use leptos::prelude::*;

use super::answer_words;
use crate::{
    domain::{
        delivery::{Attempt, Delivery, State, Timing},
        failure::diagnose,
        time::{Timestamp, readable_duration},
        words::{bytes, took},
    },
    ui::widgets::datetime::{DateTime, readers_clock},
};

/// What is kept of an answer's body at most.
const KEPT: i64 = 16 * 1024;

#[component]
pub fn Timeline(
    delivery: Delivery,
    attempts: Vec<Attempt>,
    now: Timestamp,
    may_see: bool,
) -> impl IntoView {
    if attempts.is_empty() {
        let words = match delivery.state {
            State::Pending => "Not tried yet. Refresh in a moment.",
            _ => "Nothing was ever sent.",
        };
        return view! { <p>{words}</p> }.into_any();
    }
    let mut followed_by = None;
    let mut items = Vec::new();
    for attempt in attempts.into_iter().rev() {
        let follows = follows(&delivery, &attempt, followed_by);
        followed_by = Some(attempt.started_at);
        items.push(view! { <Item attempt follows now may_see/> });
    }
    view! { <ol class="timeline" reversed>{items}</ol> }.into_any()
}

/// Why there was another attempt, or will be, or will not.
fn follows(delivery: &Delivery, attempt: &Attempt, next: Option<Timestamp>) -> Option<String> {
    let ended = Timestamp(attempt.started_at.0.saturating_add(attempt.duration_ms));
    if let Some(next) = next {
        let wait = readable_duration(ended.until(next));
        let how = if attempt.answer.is_success() { "Sent again by hand" } else { "Tried again" };
        return Some(format!("{how} {wait} later."));
    }
    match (delivery.state, delivery.due_at) {
        (State::Waiting, Some(due)) => {
            let at = readers_clock().exact(due);
            Some(format!(
                "Whatever is no 2xx is tried again: {} later, at {at}.",
                readable_duration(ended.until(due))
            ))
        }
        (State::Failed, _) if attempt.answer.status() == Some(410) => {
            Some("It is not tried again: the receiver is gone.".to_owned())
        }
        (State::Failed, _) => Some("That was the last attempt of its schedule.".to_owned()),
        _ => None,
    }
}

#[component]
fn Item(attempt: Attempt, follows: Option<String>, now: Timestamp, may_see: bool) -> impl IntoView {
    let is_success = attempt.answer.is_success();
    let diagnosis = (!is_success).then(|| diagnose(attempt.answer, attempt.detail.as_deref()).what);
    let class = if is_success { "good" } else { "bad" };
    let reached = attempt.address.clone().map(|address| format!(" Reached at {address}."));
    let number = attempt.number;
    view! {
        <li class=class>
            <h3>"Attempt " {number} ": " {answer_words(attempt.answer)}</h3>
            <p class="small"><DateTime
                at=attempt.started_at now/> ", " {attempt.duration_ms} " ms." {reached}</p>
            {diagnosis.map(|what| view! { <p>{what} {attempt.detail.clone()
                .map(|detail| format!(" ({detail})"))}</p> })}
            <Phases timing=attempt.timing/>
            <Response attempt may_see/>
            {follows.map(|follows| view! { <p class="small">{follows}</p> })}
        </li>
    }
}

/// A row for each part, as long as it took and where it began. The numbers stand beside it.
#[component]
pub fn Phases(timing: Timing) -> impl IntoView {
    let total: i64 = timing.parts().iter().filter_map(|(_, micros)| *micros).sum();
    if total == 0 {
        return ().into_any();
    }
    let mut begun = 0;
    let share = move |micros: i64| micros.saturating_mul(1000) / total;
    let rows = timing.parts().map(|(name, micros)| {
        let x = share(begun);
        begun += micros.unwrap_or(0);
        view! {
            <div>
                <dt>{name}</dt>
                <dd class="amount">{micros.map_or("–".to_owned(), took)}</dd>
                <dd aria-hidden="true"><svg viewBox="0 0 1000 8" preserveAspectRatio="none"
                    focusable="false">
                    {micros.map(|micros| view! { <rect x=x y="0" width=share(micros).max(4)
                        height="8"></rect> })}
                </svg></dd>
            </div>
        }
    });
    let note = timing.is_reused().then(
        || view! { <p class="small">"A connection that was open already was used again."</p> },
    );
    view! { <dl class="phases">{rows.into_iter().collect_view()}</dl> {note} }.into_any()
}

#[component]
pub fn Response(attempt: Attempt, may_see: bool) -> impl IntoView {
    let status = attempt.answer.status()?;
    let headers = attempt
        .response_headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect::<String>();
    let size = i64::try_from(attempt.response_body.len()).unwrap_or(i64::MAX);
    let limit = if attempt.response_cut {
        format!("More came than is kept: this is the first {} of it.", bytes(KEPT.min(size.max(1))))
    } else {
        format!("{}, all of it.", bytes(size))
    };
    let head = format!("HTTP {status}\n{headers}");
    let number = attempt.number;
    Some(view! {
        <details>
            <summary>"What the receiver answered"</summary>
            <pre tabindex="0" role="region" aria-label=format!("Headers of the answer to attempt \
                {number}")>{head}</pre>
            {if !may_see {
                view! { <p class="small">"Your role does not let you see bodies: an answer may \
                    repeat what was sent."</p> }.into_any()
            } else if attempt.response_body.is_empty() {
                view! { <p class="small">"It had no body, or that was removed."</p> }.into_any()
            } else {
                view! {
                    <pre tabindex="0" role="region" aria-label=format!("Answer to attempt \
                        {number}")>{attempt.response_body}</pre>
                    <p class="small">{limit}</p>
                }
                .into_any()
            }}
        </details>
    })
}
