//! The attempts of a delivery, newest first: time, result, timing phases, response and what
//! followed. Only the latest is open; the earlier ones are one line each.

use leptos::prelude::*;

use crate::{
    domain::{
        delivery::{Attempt, Delivery, State, Timing},
        json::pretty,
        time::{Timestamp, readable_duration},
        words::{grouped, took},
    },
    ui::widgets::datetime::{DateTime, readers_clock},
    view::words::{
        deliveries::{self as words, response},
        failure::{diagnose, fact},
    },
};

/// The id of the latest response body, for a copy button beside the timeline: parts of a page that
/// update themselves contain no islands.
pub const LATEST_RESPONSE: &str = "latest-response";

/// `may_see`: the reader may view response bodies.
#[component]
pub fn Timeline(
    delivery: Delivery,
    attempts: Vec<Attempt>,
    now: Timestamp,
    may_see: bool,
) -> impl IntoView {
    if attempts.is_empty() {
        return view! { <p>{words::no_attempts(delivery.state)}</p> }.into_any();
    }
    let mut followed_by = None;
    let mut items = Vec::new();
    for attempt in attempts.into_iter().rev() {
        let follows = what_followed(&delivery, &attempt, followed_by, now);
        let is_latest = followed_by.is_none();
        followed_by = Some(attempt.started_at);
        items.push(view! { <Item attempt follows now may_see is_latest/> });
    }
    view! { <ol class="timeline" reversed>{items}</ol> }.into_any()
}

/// What followed an attempt: the `next` one, a scheduled retry, or the reason why there is none.
fn what_followed(
    delivery: &Delivery,
    attempt: &Attempt,
    next: Option<Timestamp>,
    now: Timestamp,
) -> Option<String> {
    if let Some(next) = next {
        let ended = Timestamp(attempt.started_at.0.saturating_add(attempt.duration_ms));
        let wait = readable_duration(ended.until(next));
        return Some(words::followed_by(attempt.answer.is_success(), &wait));
    }
    match (delivery.state, delivery.due_at) {
        (State::Waiting, Some(due)) if due <= now => {
            Some(words::attempt_due(attempt.answer.is_success()).to_owned())
        }
        (State::Waiting, Some(due)) => {
            let clock = readers_clock();
            let exact = clock.exact(due);
            // The date only if it is not today's.
            let at = exact.strip_prefix(&clock.date(now)).unwrap_or(&exact).trim_start();
            let wait = readable_duration(now.until(due));
            Some(words::next_attempt(attempt.answer.is_success(), &wait, at))
        }
        (State::Failed, _) => Some(words::no_retry(attempt.answer, delivery.is_test).to_owned()),
        _ => None,
    }
}

/// One attempt: open if it is the latest, else a line that unfolds.
#[component]
fn Item(
    attempt: Attempt,
    follows: Option<String>,
    now: Timestamp,
    may_see: bool,
    is_latest: bool,
) -> impl IntoView {
    let class = if attempt.answer.is_success() { "good" } else { "bad" };
    let title = format!("Attempt {}: {}", attempt.number, response(attempt.answer));
    let (at, took) = (attempt.started_at, attempt.duration_ms);
    let facts = view! { <DateTime at now/> ", " {grouped(took)} " ms" };
    if is_latest {
        return view! {
            <li class=class>
                <h3>{title}</h3>
                <p class="small">{facts}</p>
                <Inside attempt follows may_see is_latest/>
            </li>
        }
        .into_any();
    }
    let id = format!("attempt-{}", attempt.number);
    view! {
        <li class=class>
            <details id=id>
                <summary><b>{title}</b> ", " {readers_clock().exact(at)} ", "
                    {grouped(took)} " ms"</summary>
                <Inside attempt follows may_see is_latest/>
            </details>
        </li>
    }
    .into_any()
}

/// Diagnosis, phases, response, and what followed.
#[component]
fn Inside(
    attempt: Attempt,
    follows: Option<String>,
    may_see: bool,
    is_latest: bool,
) -> impl IntoView {
    let is_success = attempt.answer.is_success();
    let detail = attempt.detail.as_deref();
    let diagnosis = (!is_success).then(|| diagnose(attempt.answer, detail).what);
    let fact = detail.and_then(|detail| fact(attempt.answer, detail));
    let address = attempt.address.clone();
    view! {
        {diagnosis.map(|what| view! { <p>{what} " " {fact}</p> })}
        {address.map(|address| view! { <p class="small">"IP address: " {address}</p> })}
        <Phases timing=attempt.timing/>
        <Response attempt may_see is_latest/>
        {follows.map(|follows| view! { <p class="small">{follows}</p> })}
    }
}

/// A bar for each phase that took place: its start, its length, and the duration as text.
#[component]
pub fn Phases(timing: Timing) -> impl IntoView {
    let total: i64 = timing.parts().iter().filter_map(|(_, micros)| *micros).sum();
    if total == 0 {
        return ().into_any();
    }
    let mut begun = 0;
    let share = move |micros: i64| micros.saturating_mul(1000) / total;
    let ran = timing.parts().into_iter().filter_map(|(name, micros)| Some((name, micros?)));
    let rows = ran.map(|(name, micros)| {
        let width = share(micros).max(4);
        // The bar of a short last phase ends at the end of the axis.
        let x = share(begun).min(1000 - width);
        begun += micros;
        view! {
            <div>
                <dt>{name}</dt>
                <dd class="amount">{took(micros)}</dd>
                <dd aria-hidden="true"><svg viewBox="0 0 1000 8" preserveAspectRatio="none"
                    focusable="false">
                    <rect x=x y="0" width=width height="8"></rect>
                </svg></dd>
            </div>
        }
    });
    let note =
        timing.is_reused().then(|| view! { <p class="small">"Reused an existing connection."</p> });
    view! { <dl class="phases">{rows.collect_view()}</dl> {note} }.into_any()
}

/// Status, headers and body of the response; nothing if there was none.
#[component]
pub fn Response(
    attempt: Attempt,
    may_see: bool,
    #[prop(optional)] is_latest: bool,
) -> impl IntoView {
    let status = attempt.answer.status()?;
    let headers = attempt
        .response_headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect::<String>();
    let size = i64::try_from(attempt.response_body.len()).unwrap_or(i64::MAX);
    let stored = words::stored_response(size, attempt.response_cut);
    let head = format!("HTTP {status}\n{headers}");
    let number = attempt.number;
    Some(view! {
        <div class="response">
            <p class="small"><b>"Response"</b></p>
            <pre class="folds" tabindex="0" role="region" aria-label=format!("Response headers of \
                attempt {number}")>{head}</pre>
            {if !may_see {
                view! { <p class="small">"Your role can't view response bodies, because they \
                    may repeat the payload."</p> }.into_any()
            } else if attempt.response_body.is_empty() {
                view! { <p class="small">"No response body, or it was removed after the retention \
                    period."</p> }.into_any()
            } else {
                let body = pretty(&attempt.response_body).unwrap_or(attempt.response_body);
                view! {
                    <pre id=is_latest.then_some(LATEST_RESPONSE) tabindex="0" role="region"
                        aria-label=format!("Response body of attempt {number}")>{body}</pre>
                    <p class="small">{stored}</p>
                }
                .into_any()
            }}
        </div>
    })
}
