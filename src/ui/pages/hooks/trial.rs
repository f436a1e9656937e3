//! The result of a test of values that are not saved: the response, or why there was none.

use leptos::prelude::*;

use crate::{
    ui::{
        pages::deliveries::timeline::{Phases, Response},
        widgets::{
            badge::{Badge, Tone},
            copy::CopyButton,
            definition::Fact,
        },
    },
    view::{
        hooks::Trial,
        words::{failure::diagnose, test_send as words},
    },
};

#[component]
pub fn TrialPanel(trial: Trial, has_stored_secret: bool) -> impl IntoView {
    let Trial { attempt, event, api_key_hint, fresh_secret } = trial;
    let (tone, word) =
        if attempt.answer.is_success() { (Tone::Good, "Succeeded") } else { (Tone::Bad, "Failed") };
    let sentence = words::result(&attempt);
    let advice = diagnose(attempt.answer, attempt.detail.as_deref()).both();
    let (url, timing) = (attempt.url.clone(), attempt.timing);
    view! {
        <section class="card trial" id="trial" tabindex="-1" autofocus
            aria-labelledby="trial-title">
            <h2 id="trial-title">"Test result (not saved)"</h2>
            <p><Badge tone text=word/> " " <b>{sentence}</b> " " {advice}</p>
            <Phases timing/>
            <Response attempt may_see=true/>
            <dl>
                <Fact term="Sent">{format!("Sample payload of {} to ",
                    event.name())} <code>{url}</code></Fact>
                <Fact term="x-api-key"><code>{api_key_hint}</code></Fact>
                <Signed fresh_secret has_stored_secret/>
            </dl>
            <p class="hint">"This test doesn't appear in Deliveries. Your values are in the \
                             form below and aren't saved yet."</p>
        </section>
    }
}

#[component]
fn Signed(fresh_secret: Option<String>, has_stored_secret: bool) -> impl IntoView {
    let Some(secret) = fresh_secret else {
        return view! { <Fact term="Signed with">"The hook's signing secret"</Fact> }.into_any();
    };
    let what_next = if has_stored_secret {
        "Used for this test only, because the URL points to a different host. Saving keeps the \
         hook's signing secret."
    } else {
        "The hook gets this secret if you create it from this page within 10 minutes. Share it \
         with the receiver."
    };
    view! {
        <Fact term="Signed with">
            <code id="trial-secret">{secret}</code> " " <CopyButton from="trial-secret".to_owned()
                label="Copy secret".to_owned()/>
            <p class="hint">{what_next}</p></Fact>
    }
    .into_any()
}
