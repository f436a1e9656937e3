//! The attempts of a delivery, newest first: time, result, timing phases, response and what
//! followed.

use leptos::prelude::*;

use crate::{
    domain::{
        delivery::{Attempt, Delivery, State, Timing},
        time::{Timestamp, readable_duration},
        words::took,
    },
    ui::widgets::datetime::{DateTime, readers_clock},
    view::words::{
        deliveries as words,
        failure::{diagnose, fact},
    },
};

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
        followed_by = Some(attempt.started_at);
        items.push(view! { <Item attempt follows now may_see/> });
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

/// One attempt: result, diagnosis, phases and response.
#[component]
fn Item(attempt: Attempt, follows: Option<String>, now: Timestamp, may_see: bool) -> impl IntoView {
    let is_success = attempt.answer.is_success();
    let detail = attempt.detail.as_deref();
    let diagnosis = (!is_success).then(|| diagnose(attempt.answer, detail).what);
    let fact = detail.and_then(|detail| fact(attempt.answer, detail));
    let class = if is_success { "good" } else { "bad" };
    let reached = attempt.address.clone().map(|address| format!(" IP address: {address}."));
    let number = attempt.number;
    view! {
        <li class=class>
            <h3>"Attempt " {number} ": " {words::response(attempt.answer)}</h3>
            <p class="small"><DateTime
                at=attempt.started_at now/> ", " {attempt.duration_ms} " ms." {reached}</p>
            {diagnosis.map(|what| view! { <p>{what} " " {fact}</p> })}
            <Phases timing=attempt.timing/>
            <Response attempt may_see/>
            {follows.map(|follows| view! { <p class="small">{follows}</p> })}
        </li>
    }
}

/// A bar for each phase of the request: its start, its length, and the duration as text.
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
    let note =
        timing.is_reused().then(|| view! { <p class="small">"Reused an existing connection."</p> });
    view! { <dl class="phases">{rows.into_iter().collect_view()}</dl> {note} }.into_any()
}

/// Status, headers and body of the response; nothing if there was none.
#[component]
pub fn Response(attempt: Attempt, may_see: bool) -> impl IntoView {
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
        <details>
            <summary>"Response"</summary>
            <pre tabindex="0" role="region" aria-label=format!("Response headers of attempt \
                {number}")>{head}</pre>
            {if !may_see {
                view! { <p class="small">"Your role can't view response bodies, because they \
                    may repeat the payload."</p> }.into_any()
            } else if attempt.response_body.is_empty() {
                view! { <p class="small">"No response body, or it was removed after the retention \
                    period."</p> }.into_any()
            } else {
                view! {
                    <pre tabindex="0" role="region" aria-label=format!("Response body of attempt \
                        {number}")>{attempt.response_body}</pre>
                    <p class="small">{stored}</p>
                }
                .into_any()
            }}
        </details>
    })
}
