//! The event catalogue: all event types that a hook can send.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    rpc::events::list,
    ui::{
        pages::schema_link::SchemaLink,
        widgets::{
            frame::{Frame, Place},
            icon::{Icon, IconName},
            loaded::loaded,
            table::DataTable,
        },
    },
    view::{events::EventRow, words::events as words},
};

#[component]
pub fn EventsPage() -> impl IntoView {
    view! { <Frame place=Place::Events>{loaded(list(),
    |events| view! { <Content events/> })}</Frame> }
}

#[component]
fn Content(events: Vec<EventRow>) -> impl IntoView {
    let rows = events.into_iter().map(|row| {
        let event = row.event;
        let hooks = words::hooks(row.hooks, row.on);
        let unheard =
            words::unheard(row.unheard).map(|text| view! { <span class="warning">{text}</span> });
        let id = format!("live-unheard-{}", event.key());
        let label = format!("Hooks for {}: {hooks}", event.name());
        view! {
            <tr>
                <th scope="row"><a href=format!("/integration/events/{}",
                    event.key())>{event.name()}</a></th>
                <td data-label="Key"><code>{event.key()}</code></td>
                <td data-label="Sent when">{event.when()}</td>
                <td data-label="Version">{row.version}</td>
                <td data-label="Hooks"><a href=format!("/integration/events/{}#hooks", event.key())
                    aria-label=label>{hooks}</a> <span id=id data-live="">{unheard}</span></td>
                <td class="end"><SchemaLink event/></td>
            </tr>
        }
    });
    view! {
        <Title text="Event catalogue"/>
        <div class="heading">
            <div>
                <h1>"Event catalogue"</h1>
                <p class="lead">"The events that hooks can send, with their fields and schemas."</p>
            </div>
            <div class="buttons">
                <a class="button" href="/api/v1/openapi.json">"OpenAPI description"</a>
                <a class="button" href="/integration/events/schemas.zip" download><Icon
                    name=IconName::Download/>"Download all \
                    schemas"</a>
            </div>
        </div>
        <DataTable label="Events" columns=&["Event", "Key", "Sent when", "Version", "Hooks",
            "Schema"]>{rows.collect_view()}</DataTable>
    }
}
