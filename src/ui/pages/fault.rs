//! The error page, in the usual frame, for a request that was refused before routing.

use leptos::prelude::*;

use crate::{
    ui::widgets::{
        frame::{Frame, Place},
        loaded::Failure,
    },
    view::Error,
};

/// The error that the server put into the context.
pub fn fault() -> Option<Error> {
    use_context()
}

#[component]
pub fn FaultPage(error: Error) -> impl IntoView {
    view! { <Frame place=Place::None><Failure error/></Frame> }
}
