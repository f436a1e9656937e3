//! The request of a delivery, with masked secrets, and the same request as a curl command.

use leptos::prelude::*;

use crate::{
    domain::words::bytes,
    ui::widgets::copy::CopyButton,
    view::{
        deliveries::{Body, SentRequest},
        words::deliveries as words,
    },
};

/// Headers, payload and curl command. `address` is the URL of the page.
#[component]
pub fn RequestPanel(request: SentRequest, address: String, was_sent: bool) -> impl IntoView {
    let SentRequest { url, headers, size, body, faults, curl } = request;
    let head = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>();
    let head = format!("POST {url}\n{head}");
    view! {
        <p class="small">{words::request_shown(was_sent)}</p>
        <pre tabindex="0" role="region" aria-label="Request headers">{head}</pre>
        <Schema faults/>
        <BodyPanel body size address/>
        <details>
            <summary>"Copy as curl"</summary>
            <p class="small">"Set API_KEY first. The command has no timestamp and no signature, so \
                              receivers that verify them reject it."</p>
            <pre tabindex="0" role="region" aria-label="curl command" id="curl">{curl}</pre>
            <CopyButton from="curl".to_owned() label="Copy command".to_owned()/>
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
        <pre tabindex="0" role="region" aria-label="Payload sent">{text}</pre>
        {is_cut.then(|| view! { <p class="small">"Truncated to 64 KiB. Download it to \
            see all."</p> })}
    }
}
