//! The request of a delivery, with masked secrets, and the same request as commands and programs.

use leptos::prelude::*;

use crate::{
    domain::words::bytes,
    ui::widgets::copy::CopyButton,
    view::{
        deliveries::{Body, Code, SentRequest},
        words::deliveries as words,
    },
};

/// Headers, payload and code. `address` is the URL of the page.
#[component]
pub fn RequestPanel(request: SentRequest, address: String, was_sent: bool) -> impl IntoView {
    let SentRequest { url, headers, size, body, faults, code } = request;
    let head = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>();
    let target = if url.is_empty() { "POST".to_owned() } else { format!("POST {url}") };
    let head = format!("{target}\n{head}");
    view! {
        <p class="small">{words::request_shown(was_sent)}</p>
        <pre class="folds" tabindex="0" role="region" aria-label="Request headers">{head}</pre>
        <Schema faults/>
        <BodyPanel body size address/>
        {(!code.is_empty()).then(|| view! { <h3>"As a command or a program"</h3> })}
        {code.into_iter().map(|code| view! { <CodePanel code/> }).collect_view()}
    }
}

/// One form of the request, folded.
#[component]
fn CodePanel(code: Code) -> impl IntoView {
    let Code { key, name, hint, text } = code;
    let is_command = matches!(key.as_str(), "curl" | "httpie");
    let what = if is_command { "command" } else { "program" };
    view! {
        <details>
            <summary>{format!("Copy as {name}")}</summary>
            <p class="small">{hint}</p>
            <pre tabindex="0" role="region" aria-label=format!("{name} {what}")
                id=key.clone()>{text}</pre>
            <CopyButton from=key label=format!("Copy {what}")/>
        </details>
    }
}

/// Whether the payload matches the current schema.
#[component]
fn Schema(faults: Option<Vec<String>>) -> impl IntoView {
    faults.map(|faults| {
        if faults.is_empty() {
            return view! { <p class="matches"><span aria-hidden="true">"✓ "</span>"The payload \
            matches the schema."</p> }
            .into_any();
        }
        let items = faults.into_iter().map(|fault| view! { <li>{fault}</li> });
        view! {
            <div class="panel warn">
                <b>"The payload doesn't match the current schema."</b>
                <ul>{items.collect_view()}</ul>
            </div>
        }
        .into_any()
    })
}

/// The payload, or why it is not shown.
#[component]
fn BodyPanel(body: Body, size: i64, address: String) -> impl IntoView {
    let heading = view! { <h3>"Payload" <span class="faint">", " {bytes(size)}</span></h3> };
    let why_not = match body {
        Body::Hidden => words::NO_PAYLOAD_ACCESS,
        Body::Removed => words::PAYLOAD_REMOVED,
        Body::Shown { text, is_pretty, is_cut, file } => {
            return view! {
                {heading}
                <Shown text is_pretty is_cut file address/>
            }
            .into_any();
        }
    };
    view! { {heading} <p>{why_not}</p> }.into_any()
}

/// The payload as text: re-indented or raw.
#[component]
fn Shown(
    text: String,
    is_pretty: bool,
    is_cut: bool,
    file: String,
    address: String,
) -> impl IntoView {
    let separator = if address.contains('?') { '&' } else { '?' };
    let raw = format!("{address}{separator}view=raw#body");
    let (pretty_here, raw_here) = (is_pretty.then_some("true"), (!is_pretty).then_some("true"));
    view! {
        <p class="ranges" id="body">
            <a href=format!("{address}#body") aria-current=pretty_here>"Formatted"</a>
            <a href=raw aria-current=raw_here>"Raw"</a>
            <a href=file download>"Download"</a>
        </p>
        <pre id="payload" tabindex="0" role="region" aria-label="Payload sent">{text}</pre>
        <CopyButton from="payload".to_owned() label="Copy payload".to_owned()/>
        {is_cut.then(|| view! { <p class="small">"Truncated to 64 KiB. Download it to \
            see all."</p> })}
    }
}
