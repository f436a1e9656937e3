//! From page to page of a list that nobody counts: the newer one, the older one, and back to the
//! top.

use leptos::prelude::*;

/// Each is an address, where there is such a page.
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
