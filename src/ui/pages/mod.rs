//! The pages: one folder per noun, one file per page. A page reads its data through `rpc` and is
//! assembled from widgets.

pub mod account;
pub mod deliveries;
pub mod events;
pub mod fault;
pub mod hooks;
pub mod jobs;
pub mod not_found;
pub mod resume;
mod schema_link;
pub mod search;
pub mod setup;
pub mod sign_in;
pub mod status;
pub mod styleguide;

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

/// A parameter of the path, such as the `:id` of a hook.
fn param(name: &str) -> String {
    use_params_map().read_untracked().get(name).unwrap_or_default()
}

/// A parameter of the query string; empty when it is missing.
fn query(name: &str) -> String {
    use_query_map().read_untracked().get(name).unwrap_or_default()
}
