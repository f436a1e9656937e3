//! The page of one delivery: its state, its attempts, the request and the responses.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{Outcome, request::RequestPanel, timeline::Timeline};
use crate::{
    domain::{
        delivery::{Delivery, State},
        log::LogQuery,
        time::Timestamp,
    },
    rpc::deliveries::detail,
    ui::{
        pages::{param, query},
        widgets::{
            datetime::DateTime,
            definition::Fact,
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::{
        deliveries::{Body, DeliveryDetail},
        words::{deliveries as words, failure::diagnose},
    },
};

/// The page of one delivery. The query keeps the list that the reader came from.
#[component]
pub fn DeliveryPage() -> impl IntoView {
    let read = detail(param("delivery"), LogQuery::read(query), query("view"), query("log"));
    view! { <Frame place=Place::Deliveries>{loaded(read,
    |detail| view! { <Content detail/> })}</Frame> }
}

#[component]
fn Content(detail: DeliveryDetail) -> impl IntoView {
    let DeliveryDetail { page, request, refused, newer, older, list, address } = detail;
    let delivery = page.delivery.clone();
    let (name, now, attempts) = (page.hook_name.clone(), page.now, page.attempts);
    let hook = format!("/integration/hooks/{}", delivery.hook_id);
    let redeliver = format!("{hook}/deliveries/{}/redeliver", delivery.id);
    let may_see = !matches!(request.body, Body::Hidden);
    view! {
        <Title text=format!("Delivery to {name}")/>
        <p class="crumbs"><a href=list.clone()>"Deliveries"</a> " › " <a
            href=hook.clone()>{name.clone()}</a></p>
        <div class="heading">
            <h1>{delivery.event_type.name()} " to " {name}</h1>
            <div class="buttons" id="live-buttons" data-live="">
                {page.act.map(|act| view! { <a class="button primary"
                    href=redeliver>{words::act(act)}</a> })}
            </div>
        </div>
        <Verdict delivery=delivery.clone() now
            detail=attempts.last().and_then(|attempt| attempt.detail.clone())/>
        <div id="live-refused" data-live="">{refused.map(|sentence| view! { <p
            class="lead">{sentence}</p> })}</div>
        <div class="columns">
            <div class="stack">
                <section class="card" aria-labelledby="attempts-title" id="live-attempts"
                    data-live="">
                    <h2 id="attempts-title">"Attempts"</h2>
                    <Timeline delivery=delivery.clone() attempts now may_see/>
                </section>
                <section class="card" aria-labelledby="request-title">
                    <h2 id="request-title">"Request"</h2>
                    <RequestPanel request address was_sent={delivery.attempts > 0}/>
                </section>
            </div>
            <section class="card facts" aria-labelledby="facts-title" id="live-facts"
                data-live="">
                <h2 id="facts-title">"Details"</h2>
                <dl>
                    <Fact term="Event"><a href=format!("/integration/events/{}",
                        delivery.event_type.key())><code>{delivery.event_type.key()}</code></a>
                        </Fact>
                    <Fact term="Event ID"><code>{delivery.event_id.to_string()}</code></Fact>
                    <Fact term="Delivery ID"><code>{delivery.id.to_string()}</code></Fact>
                    <Fact term="Accepted"><DateTime at=delivery.created_at now/></Fact>
                    <Fact term="Last updated"><DateTime at=delivery.updated_at now/></Fact>
                    <Fact term="Attempts">{delivery.attempts}</Fact>
                    {delivery.due_at.map(|at| view! { <Fact
                        term="Next attempt"><DateTime at now/></Fact> })}
                </dl>
                <p class="links"><a href=format!("/integration/deliveries?event={}",
                    delivery.event_id)>"All deliveries of this event"</a></p>
            </section>
        </div>
        <nav class="pages" aria-label="Adjacent deliveries" id="live-pages" data-live="">
            {newer.map(|href| view! { <a class="button" rel="prev"
                href=href>"Newer delivery"</a> })}
            {older.map(|href| view! { <a class="button" rel="next"
                href=href>"Older delivery"</a> })}
            <a href=list>"Back to the list"</a>
        </nav>
    }
}

/// The state of the delivery; after a failure also the diagnosis and the next step.
#[component]
fn Verdict(delivery: Delivery, now: Timestamp, detail: Option<String>) -> impl IntoView {
    let class = match delivery.state {
        State::Delivered => "panel ok",
        State::Failed => "panel bad",
        State::Pending | State::Waiting | State::Held => "panel warn",
        State::Skipped | State::Cancelled => "panel",
    };
    let diagnosis = delivery.last_answer.filter(|answer| !answer.is_success());
    let diagnosis = diagnosis.map(|answer| diagnose(answer, detail.as_deref()));
    let announced = format!("Delivery: {}", delivery.state.word());
    view! {
        <div class=class id="live-verdict" data-live="" data-announce=announced>
            <p><Outcome delivery=delivery.clone()/> " " {words::summary(&delivery, now)}</p>
            {diagnosis.map(|diagnosis| view! { <p
                class="advice">{diagnosis.what} " " {diagnosis.next}</p> })}
        </div>
    }
}
