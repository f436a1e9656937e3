//! The pages about hooks.

pub mod delete;
pub mod detail;
pub mod edit;
pub mod list;

use leptos::prelude::*;

use crate::{
    domain::{health::Health, hook::Hook, time::Timestamp},
    ui::widgets::{
        badge::{Badge, Tone},
        moment::Moment,
    },
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
pub fn Condition(hook: Hook, health: Health, now: Timestamp) -> impl IntoView {
    let off = match hook.off_reason {
        None => view! { <Badge tone=Tone::Neutral text="Off"/> }.into_any(),
        Some(reason) => view! {
            <Badge tone=Tone::Bad text="Switched off by the portal"/>
            <p class="small">"Because " {reason} "."</p>
        }
        .into_any(),
    };
    let on = match (health.paused, health.failures) {
        (Some(pause), _) => view! {
            <Badge tone=Tone::Warning text="Paused"/>
            <p class="small">"Its receiver keeps failing, so events are held. Next probe " <Moment at=pause.probe_at now/> "."</p>
        }
        .into_any(),
        (None, 0) => view! { <Badge tone=Tone::Good text="Delivering"/> }.into_any(),
        (None, failures) => {
            let count = if failures == 1 { "The last attempt failed.".to_owned() } else { format!("The last {failures} attempts failed.") };
            view! { <Badge tone=Tone::Warning text="Degraded"/> <p class="small">{count}</p> }.into_any()
        }
    };
    let state = if hook.enabled { "condition on" } else { "condition off" };
    view! {
        <div class=state>
            <div class="when-on">{on}</div>
            <div class="when-off">{off}</div>
        </div>
    }
}
