//! How to receive an event: a receiver to begin with in several languages, and the headers that
//! come with it.

use leptos::prelude::*;

use crate::{
    domain::{event::EventType, hook::Hook, wire::HEADERS},
    ui::widgets::{copy::CopyButton, table::DataTable},
    view::events::Snippet,
};

#[component]
pub fn Receiver(event: EventType, snippet: Snippet, hook: Option<Hook>) -> impl IntoView {
    let Snippet { language, languages, file, text } = snippet;
    let of_hook = hook.as_ref().map(|hook| format!("&hook={}", hook.id)).unwrap_or_default();
    let links = languages.into_iter().map(|(key, name)| {
        let current = (key == language).then_some("true");
        let href = format!("/integration/events/{}?lang={key}{of_hook}#receive", event.key());
        view! { <li><a href=href aria-current=current>{name}</a></li> }
    });
    let label = format!("Snippet: {file}");
    view! {
        <section aria-labelledby="receive">
            <h2 id="receive">"Receive it"</h2>
            <p>"It compares the key in constant time, checks signature and time, answers at once, \
                and does nothing twice. Give it the hook's key and signing secret as API_KEY and \
                SIGNING_SECRET."</p>
            {hook.map(|hook| view! {
                <p>
                    "Made for " <a href=format!("/integration/hooks/{}",
                        hook.id)>{hook.name}</a> ": it listens where "
                    <code>{hook.callback_url}</code> " leads, and its key \
                        is " <code>{hook.api_key_hint}</code> "."
                </p>
            })}
            <nav aria-label="Language"><ul class="choices">{links.collect_view()}</ul></nav>
            <p class="buttons">
                <span class="hint">"Save it as " <code>{file}</code> "."</span>
                <CopyButton from="snippet".to_owned() label="Copy it".to_owned()/>
            </p>
            <pre id="snippet" tabindex="0" role="region" aria-label=label>{text}</pre>
        </section>
    }
}

#[component]
pub fn Headers(event: EventType) -> impl IntoView {
    let rows = HEADERS.iter().map(move |header| {
        let example =
            if header.name == "x-service-hook-event" { event.key() } else { header.example };
        view! {
            <tr>
                <th scope="row"><code>{header.name}</code></th>
                <td data-label="Such as"><code class="wrap">{example}</code></td>
                <td data-label="Meaning">{header.meaning}</td>
            </tr>
        }
    });
    view! {
        <DataTable label="Headers" columns=&["Header", "Such as",
            "Meaning"]>{rows.collect_view()}</DataTable>
    }
}
