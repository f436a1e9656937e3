//! Hook pages and their forms.

use leptos::prelude::*;

use crate::view::{
    Error,
    hooks::{HookDeletion, HookEditor, HookList, HookPage, PostedHook},
};

#[server]
pub async fn list(
    #[server(default)] q: String,
    #[server(default)] status: String,
    #[server(default)] sort: String,
    #[server(default)] page: String,
) -> Result<HookList, Error> {
    crate::portal::handlers::hooks::list(&q, &status, &sort, &page).await
}

/// Switches several hooks on or off.
#[server]
pub async fn set_enabled_many(
    #[server(default)] ids: Vec<String>,
    #[server(default)] enabled: String,
) -> Result<(), Error> {
    crate::portal::handlers::hooks::set_enabled_many(&ids, crate::portal::handlers::is_on(&enabled))
        .await
}

#[server]
pub async fn detail(
    #[server(default)] id: String,
    #[server(default)] test: String,
    #[server(default)] secrets: String,
    #[server(default)] range: String,
) -> Result<HookPage, Error> {
    crate::portal::handlers::hooks::detail(&id, &test, &secrets, &range).await
}

/// Redirects to the hook's page with its secrets shown. Requires `secrets:reveal`.
#[server]
pub async fn reveal(#[server(default)] id: String) -> Result<(), Error> {
    crate::portal::handlers::hooks::reveal(&id).await
}

/// The form for a new hook: empty, for one event type, copied from a hook, or from a draft.
#[server]
pub async fn new_editor(
    #[server(default)] event: String,
    #[server(default)] clone: String,
    #[server(default)] draft: String,
) -> Result<HookEditor, Error> {
    crate::portal::handlers::editor::for_new(event, &clone, draft).await
}

#[server]
pub async fn editor(
    #[server(default)] id: String,
    #[server(default)] draft: String,
) -> Result<HookEditor, Error> {
    crate::portal::handlers::editor::for_hook(&id, draft).await
}

#[server]
pub async fn deletion(#[server(default)] id: String) -> Result<HookDeletion, Error> {
    crate::portal::handlers::hooks::deletion(&id).await
}

#[server]
pub async fn create(#[server(flatten)] posted: PostedHook) -> Result<(), Error> {
    crate::portal::handlers::editor::create(posted).await
}

#[server]
pub async fn update(#[server(flatten)] posted: PostedHook) -> Result<(), Error> {
    crate::portal::handlers::editor::update(posted).await
}

/// Generates an API key and shows the form again with it. Saves nothing.
#[server]
pub async fn generate_key(#[server(flatten)] posted: PostedHook) -> Result<(), Error> {
    crate::portal::handlers::editor::generate_key(posted).await
}

/// Tests the form's values with the sample and shows the form again with the result. Saves nothing.
#[server]
pub async fn try_out(#[server(flatten)] posted: PostedHook) -> Result<(), Error> {
    crate::portal::handlers::editor::try_out(posted).await
}

/// Switches a hook on or off and returns whether it is on.
#[server]
pub async fn set_enabled(
    #[server(default)] id: String,
    #[server(default)] enabled: String,
) -> Result<bool, Error> {
    crate::portal::handlers::hooks::set_enabled(&id, crate::portal::handlers::is_on(&enabled)).await
}

/// Sends a hook's waiting deliveries now. A paused hook is probed at once, which ends the pause if
/// it succeeds.
#[server]
pub async fn try_now(#[server(default)] id: String) -> Result<(), Error> {
    crate::portal::handlers::try_now::hook(&id).await
}

#[server]
pub async fn delete(#[server(default)] id: String) -> Result<(), Error> {
    crate::portal::handlers::hooks::delete(&id).await
}

/// Sends the sample to a hook and shows the result.
#[server]
pub async fn send_test(
    #[server(default)] id: String,
    #[server(default)] form_token: String,
) -> Result<(), Error> {
    crate::portal::handlers::hooks::send_test(&id, &form_token).await
}
