//! Dismissing undelivered events, and bringing them back.

use leptos::prelude::*;

use crate::view::{
    Error,
    inbox::{DismissQuestion, DismissalList},
};

/// What would be dismissed.
#[server]
pub async fn ask_dismiss(
    #[server(default)] id: String,
    #[server(default)] state: String,
    #[server(default)] answer: String,
    #[server(default)] draft: String,
) -> Result<DismissQuestion, Error> {
    crate::portal::handlers::dismissals::ask(&id, &state, &answer, &draft).await
}

/// Dismisses a hook's undelivered events with one cause that were accepted before `until`.
#[server]
pub async fn dismiss(
    #[server(default)] id: String,
    #[server(default)] state: String,
    #[server(default)] answer: String,
    #[server(default)] reason: String,
    #[server(default)] until: String,
) -> Result<(), Error> {
    crate::portal::handlers::dismissals::dismiss(&id, &state, &answer, reason, &until).await
}

#[server]
pub async fn read_dismissals(#[server(default)] before: String) -> Result<DismissalList, Error> {
    crate::portal::handlers::dismissals::list(&before).await
}

/// Brings dismissed events back.
#[server]
pub async fn undo(#[server(default)] id: String) -> Result<(), Error> {
    crate::portal::handlers::dismissals::undo(&id).await
}
