//! The error page of a request that was refused before it reached a page: with the frame around it.

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
    view! { <Frame place=Place::Nowhere><Failure error/></Frame> }
}
