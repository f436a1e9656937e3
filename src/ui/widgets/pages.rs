//! Keyset pagination of a list that is not counted: newest, newer and older page.

use leptos::prelude::*;

/// The URLs of these pages. `None`: there is no such page.
#[component]
pub fn Pages(
    newest: Option<String>,
    newer: Option<String>,
    older: Option<String>,
) -> impl IntoView {
    let is_needed = newer.is_some() || older.is_some();
    is_needed.then(|| {
        view! {
            <nav class="pages" aria-label="Pages">
                {newest.map(|href| view! { <a class="button" href=href>"Newest"</a> })}
                {newer.map(|href| view! { <a class="button" rel="prev" href=href>"Newer"</a> })}
                {older.map(|href| view! { <a class="button" rel="next" href=href>"Older"</a> })}
            </nav>
        }
    })
}
