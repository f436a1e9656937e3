//! What came of testing a hook that is not saved. Says "sent" only with what the receiver answered, or with why nothing
//! came.

use leptos::prelude::*;

use crate::{
    domain::delivery::Attempt,
    rpc::hooks::Trial,
    ui::widgets::{
        badge::{Badge, Tone},
        definition::Fact,
    },
};

#[component]
pub fn TrialPanel(trial: Trial, has_stored_secret: bool) -> impl IntoView {
    let Trial { attempt, event, api_key_hint, fresh_secret } = trial;
    let (tone, word) = if attempt.answer.is_success() { (Tone::Good, "Accepted") } else { (Tone::Bad, "Not accepted") };
    let sentence = sentence(&attempt);
    let (answer, url) = (attempt.answer, attempt.url.clone());
    view! {
        <section class="card trial" id="trial" tabindex="-1" autofocus aria-labelledby="trial-title">
            <h2 id="trial-title">"Test of the values below"</h2>
            <p><Badge tone text=word/> " " <b>{sentence}</b> " " {answer.advice()}</p>
            <dl>
                <Fact term="Sent">{format!("the sample of {} to ", event.name())} <code>{url}</code></Fact>
                <Fact term="x-api-key"><code>{api_key_hint}</code></Fact>
                <Signed fresh_secret has_stored_secret/>
                <Phases attempt=attempt.clone()/>
            </dl>
            <Said attempt/>
            <p class="hint">"Nothing is saved, and the test is in no list of deliveries. Your values are in the form below."</p>
        </section>
    }
}

/// `127.0.0.1 answered 204 after 12 ms.`
pub fn sentence(attempt: &Attempt) -> String {
    let host = attempt.url.split("://").nth(1).and_then(|rest| rest.split(['/', '?', ':']).next()).unwrap_or_default();
    let took = attempt.duration_ms;
    match attempt.answer.status() {
        Some(status) => format!("{host} answered {status} after {took} ms."),
        None => format!("{host} did not answer: {}, after {took} ms.", attempt.answer.short()),
    }
}

#[component]
fn Signed(fresh_secret: Option<String>, has_stored_secret: bool) -> impl IntoView {
    let Some(secret) = fresh_secret else {
        return view! { <Fact term="Signed with">"the hook's signing secret"</Fact> }.into_any();
    };
    let what_next = if has_stored_secret {
        "For this test only: the URL leads to another host. Once saved, the hook goes on signing with its own secret."
    } else {
        "The hook gets this secret when you create it from this page within ten minutes. Give it to the receiver."
    };
    view! {
        <Fact term="Signed with"><code>{secret}</code> <p class="hint">{what_next}</p></Fact>
    }
    .into_any()
}

/// What the attempt spent its time on.
#[component]
fn Phases(attempt: Attempt) -> impl IntoView {
    let part = |(name, micros): (&str, Option<i64>)| micros.map(|micros| format!("{name} {}", millis(micros)));
    let parts: Vec<_> = attempt.timing.parts().into_iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| view! { <Fact term="Time">{parts.join(", ")}</Fact> })
}

fn millis(micros: i64) -> String {
    if micros < 10_000 {
        format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
    } else {
        format!("{} ms", micros / 1000)
    }
}

#[component]
fn Said(attempt: Attempt) -> impl IntoView {
    let headers = attempt.response_headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>();
    let cut = attempt.response_cut.then_some(" (cut)");
    let detail = attempt.detail.map(|detail| view! { <p>"More: " {detail} "."</p> });
    let has_answer = attempt.answer.status().is_some();
    view! {
        {detail}
        {has_answer.then(|| view! {
            <details>
                <summary>"What the receiver answered" {cut}</summary>
                <pre tabindex="0" role="region" aria-label="Answer to the test">{headers} "\n" {attempt.response_body}</pre>
            </details>
        })}
    }
}
