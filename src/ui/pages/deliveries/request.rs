//! What was sent: the request as it went out, but for what is secret, and the same as a command to
//! try it with.

use leptos::prelude::*;

use crate::{
    domain::words::bytes,
    ui::widgets::copy::CopyButton,
    view::deliveries::{Body, SentRequest},
};

#[component]
pub fn RequestPanel(request: SentRequest, address: String, was_sent: bool) -> impl IntoView {
    let SentRequest { url, headers, size, body, faults, curl } = request;
    let head = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>();
    let head = format!("POST {url}\n{head}");
    let when = if was_sent { "As it was sent last." } else { "As it would be sent." };
    view! {
        <p class="small">
            {when} " Of the key only its last letters are shown, as the hook has it now; the \
                    signature is made anew for each attempt."
        </p>
        <pre tabindex="0" role="region" aria-label="Request headers">{head}</pre>
        <Schema faults/>
        <BodyPanel body size address/>
        <details>
            <summary>"Copy as curl"</summary>
            <p class="small">"Put the key into the variable API_KEY first. Without timestamp and \
                              signature: a receiver that checks them will refuse it."</p>
            <pre tabindex="0" role="region" aria-label="curl command" id="curl">{curl}</pre>
            <CopyButton from="curl".to_owned() label="Copy the command".to_owned()/>
        </details>
    }
}

#[component]
fn Schema(faults: Option<Vec<String>>) -> impl IntoView {
    faults.map(|faults| {
        if faults.is_empty() {
            return view! { <p class="matches"><span aria-hidden="true">"✓ "</span>"The body \
            matches its schema."</p> }
            .into_any();
        }
        let items = faults.into_iter().map(|fault| view! { <li>{fault}</li> });
        view! {
            <div class="panel warn">
                <b>"The body does not match its schema as it is now."</b>
                <ul>{items.collect_view()}</ul>
            </div>
        }
        .into_any()
    })
}

#[component]
fn BodyPanel(body: Body, size: i64, address: String) -> impl IntoView {
    let heading = view! { <h3>"Body" <span class="faint">", " {bytes(size)}</span></h3> };
    let words = match body {
        Body::Hidden => {
            "Your role does not let you see the bodies of events. An administrator can give you a \
             role with the permission payloads:read."
        }
        Body::Removed => "The body was removed: it is older than bodies are kept.",
        Body::Shown { text, is_pretty, is_cut, file } => {
            return view! {
                {heading}
                <Shown text is_pretty is_cut file address/>
            }
            .into_any();
        }
    };
    view! { {heading} <p>{words}</p> }.into_any()
}

#[component]
fn Shown(
    text: String,
    is_pretty: bool,
    is_cut: bool,
    file: String,
    address: String,
) -> impl IntoView {
    let joint = if address.contains('?') { '&' } else { '?' };
    let raw = format!("{address}{joint}view=raw#body");
    let (pretty_here, raw_here) = (is_pretty.then_some("true"), (!is_pretty).then_some("true"));
    view! {
        <p class="ranges" id="body">
            <a href=format!("{address}#body") aria-current=pretty_here>"Indented"</a>
            <a href=raw aria-current=raw_here>"As it was sent"</a>
            <a href=file download>"Download"</a>
        </p>
        <pre tabindex="0" role="region" aria-label="Body that was sent">{text}</pre>
        {is_cut.then(|| view! { <p class="small">"Cut at 64 KiB. The download has all of \
            it."</p> })}
    }
}
