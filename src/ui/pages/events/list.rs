//! Every event a hook can listen to.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    rpc::events::list,
    ui::{
        pages::schema_link::SchemaLink,
        widgets::{
            frame::{Frame, Place},
            loaded::loaded,
            table::DataTable,
        },
    },
    view::events::EventRow,
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
        let hooks = match (row.hooks, row.on) {
            (0, _) => "none".to_owned(),
            (1, 1) => "1, on".to_owned(),
            (1, _) => "1, off".to_owned(),
            (all, on) => format!("{all}, {on} on"),
        };
        let label = format!("Hooks of {}: {hooks}", event.name());
        view! {
            <tr>
                <th scope="row"><a href=format!("/integration/events/{}",
                    event.key())>{event.name()}</a></th>
                <td data-label="Key"><code>{event.key()}</code></td>
                <td data-label="Sent when">{event.when()}</td>
                <td data-label="Version">{row.version}</td>
                <td data-label="Hooks"><a href=format!("/integration/events/{}#hooks", event.key())
                    aria-label=label>{hooks}</a></td>
                <td class="end"><SchemaLink event/></td>
            </tr>
        }
    });
    view! {
        <Title text="Event catalogue"/>
        <div class="heading">
            <div>
                <h1>"Event catalogue"</h1>
                <p class="lead">"What a hook can listen to, and what its body looks like."</p>
            </div>
            <div class="buttons">
                <a class="button" href="/api/v1/openapi.json">"OpenAPI description"</a>
                <a class="button" href="/integration/events/schemas.zip" download>"Download all \
                    schemas"</a>
            </div>
        </div>
        <DataTable label="Events" columns=&["Event", "Key", "Sent when", "Version", "Hooks",
            "Schema"]>{rows.collect_view()}</DataTable>
    }
}
