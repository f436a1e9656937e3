//! The link to an event type's JSON Schema, for a row of a table.

use leptos::prelude::*;

use crate::domain::event::EventType;

/// *Download JSON Schema*, shortened to fit a row.
#[component]
pub fn SchemaLink(event: EventType, #[prop(default = false)] brief: bool) -> impl IntoView {
    let href = format!("/integration/events/{}/schema.json", event.key());
    view! {
        <a class=brief.then_some("schema") href=href download
            aria-label=format!("Download JSON Schema of {}", event.name())
            title="Download JSON Schema">{if brief { "↓" } else { "↓ JSON Schema" }}</a>
    }
}
