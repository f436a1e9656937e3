//! Between signing in and a form that was posted without a session: leads to the form, or says why
//! it can't be shown.

use leptos::prelude::*;
use leptos_meta::Title;

use super::query;
use crate::{
    rpc::session::resume,
    ui::widgets::{
        frame::{Frame, Place},
        loaded::loaded,
    },
    view::{
        session::Resumed,
        words::session::{RESUMED_ANOTHER, RESUMED_GONE},
    },
};

#[component]
pub fn ResumePage() -> impl IntoView {
    view! { <Frame place=Place::None>{loaded(resume(query("form")),
    |resumed| view! { <Content resumed/> })}</Frame> }
}

#[component]
fn Content(resumed: Resumed) -> impl IntoView {
    let (title, words) = match resumed {
        Resumed::Shown => return ().into_any(),
        Resumed::Another => ("This form belongs to another user", RESUMED_ANOTHER),
        Resumed::Gone => ("The form is gone", RESUMED_GONE),
    };
    view! {
        <Title text=title/>
        <h1>{title}</h1>
        <p>{words}</p>
        <p><a href="/">"Go to Service hooks"</a></p>
    }
    .into_any()
}
