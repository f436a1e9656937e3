//! The checklist of a new installation, until the first event was delivered: what is done, and a
//! link to what comes next.

use leptos::prelude::*;

use crate::{
    rpc::first_steps::read_steps, ui::widgets::loaded::loaded,
    view::first_steps::FirstSteps as Progress,
};

/// Nothing once the steps are done, or for users who can't take them.
#[component]
pub fn FirstSteps() -> impl IntoView {
    loaded(read_steps(), |steps| steps.map(|steps| view! { <Steps steps/> }))
}

#[component]
fn Steps(steps: Progress) -> impl IntoView {
    let Progress { hook, is_reached, is_tested } = steps;
    let (id, name, event) = hook.clone().unwrap_or_default();
    let page = format!("/integration/hooks/{id}");
    let done = [hook.is_some(), is_reached, is_tested, false];
    let command = format!("service-hooks emit {}", if event.is_empty() { "EVENT" } else { &event });
    let bodies = [
        view! { <a href="/integration/hooks/new">"Create a hook"</a> " with the receiver's URL and \
            API key. No receiver yet? Run " <code>"service-hooks listen"</code> "." }
        .into_any(),
        match hook.is_some() {
            true => view! { <a href=format!("{page}/test")>"Send a test"</a> " to reach the \
                receiver of " {name} "." }
            .into_any(),
            false => view! { "Reach the receiver with a test." }.into_any(),
        },
        match is_reached {
            true => view! { <a href=format!("{page}/test")>"Get a test delivered"</a> ": the \
                receiver responds with 2xx." }
            .into_any(),
            false => view! { "Get a test delivered: the receiver responds with 2xx." }.into_any(),
        },
        match is_tested {
            true => view! { "Turn the " <a href=page.clone()>"hook"</a> " on and emit an event, \
                for example with " <code>{command}</code> "." }
            .into_any(),
            false => view! { "Deliver the first event." }.into_any(),
        },
    ];
    let next = done.iter().position(|done| !done);
    let items = bodies.into_iter().zip(done).enumerate().map(|(place, (body, is_done))| {
        let class = if is_done { "done" } else { "" };
        let current = (next == Some(place)).then_some("step");
        let word = is_done.then_some("Done: ");
        view! { <li class=class aria-current=current><b>{word}</b> {body}</li> }
    });
    let count = done.iter().filter(|done| **done).count();
    view! {
        <section class="card steps" id="first-steps" data-live=""
            aria-labelledby="first-steps-title">
            <h2 id="first-steps-title">"Get started: " {count} " of 4 steps done"</h2>
            <ol>{items.collect_view()}</ol>
        </section>
    }
}
