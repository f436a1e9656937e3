//! Hooks: what their pages read and what their forms do.

use leptos::prelude::*;

use crate::{
    domain::hook::TypedTuning,
    view::{
        Error,
        hooks::{HookDeletion, HookEditor, HookList, HookPage},
    },
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

/// Slides several hooks on or off.
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

/// Shows a hook's key and signing secret on its page, to those who may see them.
#[server]
pub async fn reveal(#[server(default)] id: String) -> Result<(), Error> {
    crate::portal::handlers::hooks::reveal(&id).await
}

/// The form for a new hook: empty, a copy of another hook, for one event, or shown again.
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
pub async fn create(
    #[server(default)] name: String,
    #[server(default)] event_type: String,
    #[server(default)] callback_url: String,
    #[server(default)] api_key: String,
    #[server(default)] enabled: String,
    #[server(default)] tuning: TypedTuning,
    #[server(default)] draft: String,
) -> Result<(), Error> {
    use crate::domain::hook::HookForm;

    let form = HookForm {
        name,
        event_type,
        callback_url,
        api_key,
        enabled: crate::portal::handlers::is_on(&enabled),
        tuning,
    };
    crate::portal::handlers::editor::create(form, draft).await
}

#[server]
pub async fn update(
    #[server(default)] id: String,
    #[server(default)] version: String,
    #[server(default)] name: String,
    #[server(default)] event_type: String,
    #[server(default)] callback_url: String,
    #[server(default)] api_key: String,
    #[server(default)] enabled: String,
    #[server(default)] tuning: TypedTuning,
    #[server(default)] draft: String,
) -> Result<(), Error> {
    use crate::domain::hook::HookForm;

    let form = HookForm {
        name,
        event_type,
        callback_url,
        api_key,
        enabled: crate::portal::handlers::is_on(&enabled),
        tuning,
    };
    crate::portal::handlers::editor::update(id, version, form, draft).await
}

/// Puts a new key into the form and shows it; nothing is saved yet.
#[server]
pub async fn generate_key(
    #[server(default)] id: String,
    #[server(default)] version: String,
    #[server(default)] name: String,
    #[server(default)] event_type: String,
    #[server(default)] callback_url: String,
    #[server(default)] enabled: String,
    #[server(default)] tuning: TypedTuning,
    #[server(default)] draft: String,
) -> Result<(), Error> {
    use crate::domain::hook::HookForm;

    let form = HookForm {
        name,
        event_type,
        callback_url,
        enabled: crate::portal::handlers::is_on(&enabled),
        tuning,
        ..HookForm::default()
    };
    crate::portal::handlers::editor::generate_key(id, version, form, draft).await
}

/// Sends the sample to where the values of the form lead, and shows the form again with what came
/// back. Saves nothing.
#[server]
pub async fn try_out(
    #[server(default)] id: String,
    #[server(default)] version: String,
    #[server(default)] name: String,
    #[server(default)] event_type: String,
    #[server(default)] callback_url: String,
    #[server(default)] api_key: String,
    #[server(default)] enabled: String,
    #[server(default)] tuning: TypedTuning,
    #[server(default)] draft: String,
) -> Result<(), Error> {
    use crate::domain::hook::HookForm;

    let form = HookForm {
        name,
        event_type,
        callback_url,
        api_key,
        enabled: crate::portal::handlers::is_on(&enabled),
        tuning,
    };
    crate::portal::handlers::editor::try_out(id, version, form, draft).await
}

/// Slides a hook on or off and says where it stands now.
#[server]
pub async fn set_enabled(
    #[server(default)] id: String,
    #[server(default)] enabled: String,
) -> Result<bool, Error> {
    crate::portal::handlers::hooks::set_enabled(&id, crate::portal::handlers::is_on(&enabled)).await
}

#[server]
pub async fn delete(#[server(default)] id: String) -> Result<(), Error> {
    crate::portal::handlers::hooks::delete(&id).await
}

/// Sends the sample to a hook and shows what came back.
#[server]
pub async fn send_test(#[server(default)] id: String) -> Result<(), Error> {
    crate::portal::handlers::hooks::send_test(&id).await
}
