//! Sample receivers in several languages, and the headers of a delivery.

use leptos::prelude::*;

use crate::{
    domain::{event::EventType, hook::Hook, wire::HEADERS},
    ui::widgets::{copy::CopyButton, table::DataTable},
    view::events::Snippet,
};

/// Sample code in the chosen language, prepared for `hook` if there is one.
#[component]
pub fn Receiver(event: EventType, snippet: Snippet, hook: Option<Hook>) -> impl IntoView {
    let Snippet { language, languages, file, text } = snippet;
    let of_hook = hook.as_ref().map(|hook| format!("&hook={}", hook.id)).unwrap_or_default();
    let links = languages.into_iter().map(|(key, name)| {
        let current = (key == language).then_some("true");
        let href = format!("/integration/events/{}?lang={key}{of_hook}#receive", event.key());
        view! { <li><a href=href aria-current=current>{name}</a></li> }
    });
    let label = format!("Code: {file}");
    view! {
        <section aria-labelledby="receive">
            <h2 id="receive">"Sample receiver"</h2>
            <p>"It verifies the API key, the signature and the timestamp, responds immediately, \
                and ignores duplicates. Set API_KEY and SIGNING_SECRET to the hook's API key and \
                signing secret."</p>
            {hook.map(|hook| view! {
                <p>
                    "Prepared for " <a href=format!("/integration/hooks/{}",
                        hook.id)>{hook.name}</a> ". Callback URL: "
                    <code>{hook.callback_url}</code> ". API \
                        key: " <code>{hook.api_key_hint}</code> "."
                </p>
            })}
            <nav aria-label="Language"><ul class="choices">{links.collect_view()}</ul></nav>
            <p class="buttons">
                <span class="hint">"Save as " <code>{file}</code> "."</span>
                <CopyButton from="snippet".to_owned() label="Copy code".to_owned()/>
            </p>
            <pre id="snippet" tabindex="0" role="region" aria-label=label>{text}</pre>
        </section>
    }
}

/// The headers of a delivery.
#[component]
pub fn Headers(event: EventType) -> impl IntoView {
    let rows = HEADERS.iter().map(move |header| {
        let example =
            if header.name == "x-service-hook-event" { event.key() } else { header.example };
        view! {
            <tr>
                <th scope="row"><code>{header.name}</code></th>
                <td data-label="Example"><code class="wrap">{example}</code></td>
                <td data-label="Meaning">{header.meaning}</td>
            </tr>
        }
    });
    view! {
        <DataTable label="Headers" columns=&["Header", "Example",
            "Meaning"]>{rows.collect_view()}</DataTable>
    }
}
