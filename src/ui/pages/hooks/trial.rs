//! What came of testing a hook that is not saved. Says "sent" only with what the receiver answered,
//! or with why nothing came.

use leptos::prelude::*;

use crate::{
    domain::{delivery::Attempt, failure::diagnose},
    ui::{
        pages::deliveries::{
            answer_words,
            timeline::{Phases, Response},
        },
        widgets::{
            badge::{Badge, Tone},
            copy::CopyButton,
            definition::Fact,
        },
    },
    view::hooks::Trial,
};

#[component]
pub fn TrialPanel(trial: Trial, has_stored_secret: bool) -> impl IntoView {
    let Trial { attempt, event, api_key_hint, fresh_secret } = trial;
    let (tone, word) = if attempt.answer.is_success() {
        (Tone::Good, "Accepted")
    } else {
        (Tone::Bad, "Not accepted")
    };
    let sentence = sentence(&attempt);
    let advice = diagnose(attempt.answer, attempt.detail.as_deref()).both();
    let (url, timing) = (attempt.url.clone(), attempt.timing);
    view! {
        <section class="card trial" id="trial" tabindex="-1" autofocus
            aria-labelledby="trial-title">
            <h2 id="trial-title">"Test of the values below"</h2>
            <p><Badge tone text=word/> " " <b>{sentence}</b> " " {advice}</p>
            <Phases timing/>
            <Response attempt may_see=true/>
            <dl>
                <Fact term="Sent">{format!("the sample of {} to ",
                    event.name())} <code>{url}</code></Fact>
                <Fact term="x-api-key"><code>{api_key_hint}</code></Fact>
                <Signed fresh_secret has_stored_secret/>
            </dl>
            <p class="hint">"Nothing is saved, and the test is in no list of deliveries. Your \
                             values are in the form below."</p>
        </section>
    }
}

/// `127.0.0.1 answered 204 No Content after 12 ms.`
pub fn sentence(attempt: &Attempt) -> String {
    let host = attempt
        .url
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split(['/', '?', ':']).next())
        .unwrap_or_default();
    let took = attempt.duration_ms;
    let words = answer_words(attempt.answer);
    match attempt.answer.status() {
        Some(_) => format!("{host} answered {words} after {took} ms."),
        None => format!("{host} did not answer: {words}, after {took} ms."),
    }
}

#[component]
fn Signed(fresh_secret: Option<String>, has_stored_secret: bool) -> impl IntoView {
    let Some(secret) = fresh_secret else {
        return view! { <Fact term="Signed with">"the hook's signing secret"</Fact> }.into_any();
    };
    let what_next = if has_stored_secret {
        "For this test only: the URL leads to another host. Once saved, the hook goes on signing \
         with its own secret."
    } else {
        "The hook gets this secret when you create it from this page within ten minutes. Give it \
         to the receiver."
    };
    view! {
        <Fact term="Signed with">
            <code id="trial-secret">{secret}</code> " " <CopyButton from="trial-secret".to_owned()
                label="Copy the secret".to_owned()/>
            <p class="hint">{what_next}</p></Fact>
    }
    .into_any()
}
