//! The pages about deliveries, and parts of them that other pages share.

pub mod detail;
pub mod dismiss;
pub mod dismissed;
mod export;
mod filter;
mod help;
mod histogram;
pub mod list;
pub mod redeliver;
mod request;
mod row;
pub mod timeline;
pub mod undelivered;
mod views;

use leptos::prelude::*;

use crate::{
    domain::{
        delivery::{Delivery, State},
        time::Timestamp,
    },
    ui::widgets::{
        badge::{Badge, Tone},
        datetime::DateTime,
        icon::IconName,
        table::DataTable,
    },
};

/// The last 8 characters of an id. The beginning is the time, which neighbouring rows share.
fn short_id(id: &str) -> String {
    format!("…{}", &id[id.len().saturating_sub(8)..])
}

/// The state of a delivery as a badge.
#[component]
pub fn Outcome(delivery: Delivery) -> impl IntoView {
    let (tone, sign) = match delivery.state {
        State::Delivered => (Tone::Good, IconName::Ok),
        State::Failed => (Tone::Bad, IconName::Failed),
        State::Pending => (Tone::Warning, IconName::Running),
        State::Waiting => (Tone::Warning, IconName::Waiting),
        State::Held => (Tone::Warning, IconName::Held),
        State::Skipped => (Tone::Neutral, IconName::Skipped),
        State::Cancelled => (Tone::Neutral, IconName::Cancelled),
    };
    let text = if delivery.is_test {
        format!("{} (test)", delivery.state.word())
    } else {
        delivery.state.word().to_owned()
    };
    view! { <Badge tone sign text/> }
}

/// The short table of recent deliveries on the page of a hook.
#[component]
pub fn DeliveryTable(deliveries: Vec<Delivery>, now: Timestamp) -> impl IntoView {
    let rows = deliveries.into_iter().map(move |delivery| view! { <DeliveryRow delivery now/> });
    view! {
        <DataTable label="Recent deliveries" columns=&["Event", "Status", "Accepted", "Attempts",
            "Last response", "Next attempt"]>{rows.collect_view()}</DataTable>
    }
}

#[component]
fn DeliveryRow(delivery: Delivery, now: Timestamp) -> impl IntoView {
    let href = format!("/integration/hooks/{}/deliveries/{}", delivery.hook_id, delivery.id);
    let event = delivery.event_id.to_string();
    let short = short_id(&event);
    let label = format!("Event {short}");
    let answer = delivery.last_answer.map(|answer| answer.short());
    let answer = match (answer, delivery.last_duration_ms) {
        (Some(answer), Some(duration)) => format!("{answer}, {duration} ms"),
        (answer, _) => answer.unwrap_or_else(|| "–".to_owned()),
    };
    let next = match delivery.due_at {
        Some(at) => view! { <DateTime at now/> }.into_any(),
        None => "–".into_any(),
    };
    view! {
        <tr>
            <th scope="row"><a class="mono nowrap" href=href title=event.clone()
                aria-label=label>{short}</a></th>
            <td data-label="Status"><Outcome delivery=delivery.clone()/></td>
            <td data-label="Accepted"><DateTime at=delivery.created_at now/></td>
            <td data-label="Attempts">{delivery.attempts}</td>
            <td data-label="Last response">{answer}</td>
            <td data-label="Next attempt">{next}</td>
        </tr>
    }
}
