//! The search page and the list of keyboard shortcuts. The command palette shows the same in a
//! dialog: `public/pkg/palette.js` fetches these pages and takes what is in `#found` and `#keys`.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::query;
use crate::{
    rpc::{hooks::SetEnabled, search::find, session::SignOut},
    ui::widgets::{
        frame::{Frame, Place},
        loaded::loaded,
    },
    view::{
        search::{Does, Found, Group, Item},
        words::search as words,
    },
};

#[component]
pub fn SearchPage() -> impl IntoView {
    view! { <Frame place=Place::None>{loaded(find(query("q"), query("list")),
    |found| view! { <Results found/> })}</Frame> }
}

#[component]
fn Results(found: Found) -> impl IntoView {
    let number = found.count();
    let Found { q, groups } = found;
    let title = if q.is_empty() { "Search".to_owned() } else { format!("Search: {q}") };
    let counted = (!q.is_empty()).then(|| words::results(number));
    view! {
        <Title text=title/>
        <h1>"Search"</h1>
        <form class="find" role="search" method="get" action="/search">
            <label for="find">"Hook, event type, ID, page or action"</label>
            <div class="with-button">
                <input id="find" name="q" type="search" value=q maxlength="2100"
                    autocomplete="off" autocapitalize="off" spellcheck="false" autofocus/>
                <button class="primary" type="submit">"Search"</button>
            </div>
        </form>
        <p class="faint" role="status">{counted}</p>
        {(number == 0).then(|| view! { <p>{words::NOTHING}</p> })}
        <div id="found" class="found">
            {groups.into_iter().map(|group| view! { <Section group/> }).collect_view()}
        </div>
    }
}

#[component]
fn Section(group: Group) -> impl IntoView {
    let id = format!("found-{}", group.title.to_lowercase().replace(' ', "-"));
    let items = group.items.into_iter().map(|item| view! { <li><Choice item/></li> });
    view! {
        <section aria-labelledby=id.clone()>
            <h2 id=id.clone()>{group.title}</h2>
            <ul class="plain">{items.collect_view()}</ul>
        </section>
    }
}

/// One result: a link, or the button of a form that acts at once.
#[component]
fn Choice(item: Item) -> impl IntoView {
    let Item { title, about, does } = item;
    let about = (!about.is_empty()).then(|| view! { " " <span class="faint">{about}</span> });
    match does {
        Does::Open(page) => view! { <a href=page>{title}</a> {about} }.into_any(),
        Does::Switch { id, on } => view! {
            <form method="post" action=SetEnabled::url()>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="enabled" value=on.to_string()/>
                <button class="link" type="submit">{title}</button>
            </form>
        }
        .into_any(),
        Does::SignOut => view! {
            <form method="post" action=SignOut::url()><button class="link"
                type="submit">{title}</button></form>
        }
        .into_any(),
    }
}

/// Keys and what they do. They need scripts, and everything has another way.
const KEYS: &[(&str, &str)] = &[
    ("Ctrl K or ⌘ K", "Search, and run commands"),
    ("?", "Show these shortcuts"),
    ("↑ ↓", "In the search: the previous or next result"),
    ("Enter", "In the search: open the result"),
    ("j", "Deliveries: the next row. On a delivery: the older one"),
    ("k", "Deliveries: the previous row. On a delivery: the newer one"),
    ("x", "Deliveries: select the row"),
    ("o or Enter", "Deliveries: open the row"),
    ("Esc", "Close a dialog or menu"),
];

#[component]
pub fn ShortcutsPage() -> impl IntoView {
    let rows = KEYS.iter().map(|(keys, does)| {
        view! { <tr><th scope="row"><kbd>{*keys}</kbd></th><td>{*does}</td></tr> }
    });
    view! {
        <Frame place=Place::None>
            <Title text="Keyboard shortcuts"/>
            <h1>"Keyboard shortcuts"</h1>
            <div id="keys" class="stack">
                <table class="keys">
                    <thead><tr><th scope="col">"Keys"</th><th scope="col">"What they do"</th></tr>
                    </thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
                // `boot.js` puts a button here that turns single keys off, for speech input.
                <p data-keys></p>
            </div>
        </Frame>
    }
}
