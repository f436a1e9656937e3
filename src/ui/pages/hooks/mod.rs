//! The pages about hooks.

mod charts;
mod conflict;
pub mod delete;
pub mod detail;
pub mod edit;
mod filter;
mod first_steps;
pub mod header;
pub mod list;
pub mod nav;
mod row;
pub mod status;
pub mod switch;
pub mod test;
mod tiles;
mod trial;
mod waiting;

use leptos::prelude::*;

/// A callback URL with its host in bold, so that it is found quickly.
#[component]
pub fn CallbackUrl(url: String) -> impl IntoView {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let path_at = url[after_scheme..].find(['/', '?']).map_or(url.len(), |at| after_scheme + at);
    let scheme =
        if url.starts_with("https://") { String::new() } else { url[..after_scheme].to_owned() };
    let (host, path) = (url[after_scheme..path_at].to_owned(), url[path_at..].to_owned());
    view! { <span class="url" title=url>{scheme}<b>{host}</b>{path}</span> }
}
