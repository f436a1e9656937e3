//! The pages about hooks.

pub mod delete;
pub mod detail;
pub mod edit;
pub mod list;

use leptos::prelude::*;

use crate::{
    domain::{
        delivery::{Delivery, State},
        hook::Hook,
    },
    ui::widgets::badge::{Badge, Tone},
};

/// A callback URL with its host in bold: that is what people look for.
#[component]
pub fn CallbackUrl(url: String) -> impl IntoView {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let path_at = url[after_scheme..].find(['/', '?']).map_or(url.len(), |at| after_scheme + at);
    let scheme = if url.starts_with("https://") { String::new() } else { url[..after_scheme].to_owned() };
    let (host, path) = (url[after_scheme..path_at].to_owned(), url[path_at..].to_owned());
    view! { <span class="url" title=url><span class="faint">{scheme}</span><b>{host}</b><span class="path">{path}</span></span> }
}

/// What a hook does at present: not what the slider says, but what follows from it. Both answers are there and the style
/// shows the one that fits the slider beside it, so that it stays true when the slider is moved without a new page.
#[component]
pub fn Condition(hook: Hook, last: Option<Delivery>) -> impl IntoView {
    let off = match hook.off_reason {
        None => view! { <Badge tone=Tone::Neutral text="Off"/> }.into_any(),
        Some(reason) => view! {
            <Badge tone=Tone::Bad text="Switched off by the portal"/>
            <p class="small">"Because " {reason} "."</p>
        }
        .into_any(),
    };
    let is_failing = last.is_some_and(|last| !last.is_test && matches!(last.state, State::Waiting | State::Failed));
    let on = if is_failing {
        view! { <Badge tone=Tone::Warning text="Failing"/> }
    } else {
        view! { <Badge tone=Tone::Good text="Delivering"/> }
    };
    let state = if hook.enabled { "condition on" } else { "condition off" };
    view! {
        <div class=state>
            <div class="when-on">{on}</div>
            <div class="when-off">{off}</div>
        </div>
    }
}
