//! The pages about deliveries, and the parts of them that other pages show too.

pub mod detail;
mod filter;
pub mod list;
pub mod redeliver;
mod request;
pub mod timeline;
pub mod undelivered;

use leptos::prelude::*;

use crate::{
    domain::{
        delivery::{Answer, Delivery, State},
        failure::status_words,
        time::Timestamp,
        words::count,
    },
    ui::widgets::{
        badge::{Badge, Tone},
        datetime::DateTime,
        table::DataTable,
    },
};

/// The end of an id: it differs between events of the same moment, the beginning hardly does.
fn short_id(id: &str) -> String {
    format!("…{}", &id[id.len().saturating_sub(8)..])
}

/// An answer in words: `503 Service Unavailable`, `timed out`.
pub fn answer_words(answer: Answer) -> String {
    match answer.status().and_then(status_words) {
        Some(words) => format!("{} {words}", answer.short()),
        None => answer.short(),
    }
}

/// What became of a delivery, in a sentence.
fn sentence(delivery: &Delivery) -> String {
    let answer = delivery.last_answer.map(answer_words);
    let took = delivery.last_duration_ms.map_or(String::new(), |millis| format!(" in {millis} ms"));
    let tries = count(i64::from(delivery.attempts), "attempt");
    let reason =
        delivery.reason.clone().unwrap_or_else(|| "its hook does not send at present".to_owned());
    match (delivery.state, answer) {
        (State::Delivered, Some(answer)) if delivery.attempts == 1 => {
            format!("At the first attempt: {answer}{took}.")
        }
        (State::Delivered, answer) => {
            format!("After {tries}: {}{took}.", answer.unwrap_or_default())
        }
        (State::Failed, answer) => {
            format!("Given up after {tries}; the last ended in {}.", answer.unwrap_or_default())
        }
        (State::Waiting, Some(answer)) => {
            format!(
                "Not delivered yet: {answer} at attempt {}. It is tried again.",
                delivery.attempts
            )
        }
        (State::Waiting | State::Pending, _) => "On its way: not answered yet.".to_owned(),
        (State::Held, _) => {
            format!("Not sent, because {reason}. It is sent by itself when that is over.")
        }
        (State::Skipped, _) => format!("Never sent, because {reason}. It can be sent again."),
        (State::Cancelled, _) => format!("Not sent, because {reason}."),
    }
}

/// Where a delivery stands.
#[component]
pub fn Outcome(delivery: Delivery) -> impl IntoView {
    let tone = match delivery.state {
        State::Delivered => Tone::Good,
        State::Failed => Tone::Bad,
        State::Pending | State::Waiting | State::Held => Tone::Warning,
        State::Skipped | State::Cancelled => Tone::Neutral,
    };
    let text = if delivery.is_test {
        format!("{} (test)", delivery.state.word())
    } else {
        delivery.state.word().to_owned()
    };
    view! { <Badge tone text/> }
}

#[component]
pub fn DeliveryTable(deliveries: Vec<Delivery>, now: Timestamp) -> impl IntoView {
    let rows = deliveries.into_iter().map(move |delivery| view! { <DeliveryRow delivery now/> });
    view! {
        <DataTable label="Last deliveries" columns=&["Event", "Outcome", "Accepted", "Tries",
            "Last answer", "Next try"]>{rows.collect_view()}</DataTable>
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
        (answer, _) => answer.or(delivery.reason.clone()).unwrap_or_else(|| "–".to_owned()),
    };
    let next = match delivery.due_at {
        Some(at) => view! { <DateTime at now/> }.into_any(),
        None => "–".into_any(),
    };
    view! {
        <tr>
            <th scope="row"><a class="mono nowrap" href=href title=event.clone()
                aria-label=label>{short}</a></th>
            <td data-label="Outcome"><Outcome delivery=delivery.clone()/></td>
            <td data-label="Accepted"><DateTime at=delivery.created_at now/></td>
            <td data-label="Tries">{delivery.attempts}</td>
            <td data-label="Last answer">{answer}</td>
            <td data-label="Next try">{next}</td>
        </tr>
    }
}
