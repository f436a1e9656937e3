//! The page of a request that was refused before it came to any page: in the frame all the same.

use leptos::prelude::*;

use crate::{
    ui::widgets::{
        frame::{Frame, Place},
        loaded::Failure,
    },
    view::Error,
};

/// Why, when there is nothing else to show. Put into the context by the server.
pub fn fault() -> Option<Error> {
    use_context()
}

#[component]
pub fn FaultPage(error: Error) -> impl IntoView {
    view! { <Frame place=Place::Nowhere><Failure error/></Frame> }
}
