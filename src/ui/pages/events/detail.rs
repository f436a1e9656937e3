//! One event: when it is sent, its fields, a sample, its schema.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    rpc::events::{EventField, EventPage as EventData, detail},
    ui::{
        pages::param,
        widgets::{
            frame::{Frame, Place},
            loaded::loaded,
            table::DataTable,
        },
    },
};

#[component]
pub fn EventPage() -> impl IntoView {
    view! { <Frame place=Place::Events>{loaded(detail(param("key")), |page| view! { <Content page/> })}</Frame> }
}

#[component]
fn Content(page: EventData) -> impl IntoView {
    let EventData { event, fields, sample } = page;
    let schema = format!("/integration/events/{}/schema.json", event.key());
    view! {
        <Title text=event.name()/>
        <p class="crumbs"><a href="/integration/events">"Event catalogue"</a></p>
        <div class="heading">
            <div>
                <h1>{event.name()}</h1>
                <p class="lead"><code>{event.key()}</code></p>
            </div>
            <div class="buttons">
                <a class="button" href=format!("{schema}?draft=07") download>"Schema, draft-07"</a>
                <a class="button primary" href=schema download>"Download JSON schema"</a>
            </div>
        </div>
        <p>"Sent when " {event.when()} "."</p>
        <h2>"Fields"</h2>
        <Fields fields/>
        <h2>"Sample"</h2>
        <pre tabindex="0" role="region" aria-label="Sample">{sample}</pre>
    }
}

#[component]
fn Fields(fields: Vec<EventField>) -> impl IntoView {
    let rows = fields.into_iter().map(|field| {
        view! {
            <tr>
                <th scope="row"><code>{field.name}</code></th>
                <td data-label="Type">{field.kind}</td>
                <td data-label="Required">{if field.required { "required" } else { "optional" }}</td>
                <td data-label="Meaning">{field.description}</td>
            </tr>
        }
    });
    view! {
        <DataTable label="Fields" columns=&["Field", "Type", "Required", "Meaning"]>{rows.collect_view()}</DataTable>
    }
}
