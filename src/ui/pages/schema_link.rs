//! The link to an event type's JSON schema, for a row of a table.

use leptos::prelude::*;

use crate::domain::event::EventType;

/// *Download JSON schema*, shortened to fit a row.
#[component]
pub fn SchemaLink(event: EventType, #[prop(default = false)] brief: bool) -> impl IntoView {
    let href = format!("/integration/events/{}/schema.json", event.key());
    view! {
        <a href=href download aria-label=format!("Download JSON schema of {}", event.name())
            title="Download JSON schema">{if brief { "↓ JSON" } else { "↓ JSON schema" }}</a>
    }
}
