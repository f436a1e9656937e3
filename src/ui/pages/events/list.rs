//! Every event a hook can listen to.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    domain::event::EventType,
    rpc::events::list,
    ui::{
        pages::hooks::list::SchemaLink,
        widgets::{
            frame::{Frame, Place},
            loaded::loaded,
            table::DataTable,
        },
    },
};

#[component]
pub fn EventsPage() -> impl IntoView {
    view! { <Frame place=Place::Events>{loaded(list(), |events| view! { <Content events/> })}</Frame> }
}

#[component]
fn Content(events: Vec<EventType>) -> impl IntoView {
    let rows = events.into_iter().map(|event| {
        view! {
            <tr>
                <th scope="row"><a href=format!("/integration/events/{}", event.key())>{event.name()}</a></th>
                <td data-label="Key"><code>{event.key()}</code></td>
                <td data-label="Sent when">{event.when()}</td>
                <td class="end"><SchemaLink event/></td>
            </tr>
        }
    });
    view! {
        <Title text="Event catalogue"/>
        <h1>"Event catalogue"</h1>
        <p class="lead">"What a hook can listen to, and what its body looks like."</p>
        <DataTable label="Events" columns=&["Event", "Key", "Sent when", "Schema"]>{rows.collect_view()}</DataTable>
    }
}
