//! The page for an unknown URL.

use leptos::prelude::*;

use crate::{
    rpc::session::not_found,
    ui::widgets::{
        frame::{Frame, Place},
        loaded::loaded,
    },
};

#[component]
pub fn NotFound() -> impl IntoView {
    view! { <Frame place=Place::None>{loaded(not_found(), |()| ())}</Frame> }
}
