//! The link to an event's JSON schema, in a table's row. May import `domain`.

use leptos::prelude::*;

use crate::domain::event::EventType;

/// *Download JSON schema*, short enough for a row.
#[component]
pub fn SchemaLink(event: EventType, #[prop(default = false)] brief: bool) -> impl IntoView {
    let href = format!("/integration/events/{}/schema.json", event.key());
    view! {
        <a href=href download aria-label=format!("Download JSON schema of {}", event.name())
            title="Download JSON schema">{if brief { "↓ JSON" } else { "↓ JSON schema" }}</a>
    }
}
