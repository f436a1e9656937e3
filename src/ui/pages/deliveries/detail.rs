//! The page of one delivery: its result and what helps, its attempts, the request, and where else
//! the event went.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{
    Outcome,
    help::Help,
    request::RequestPanel,
    timeline::{LATEST_RESPONSE, Timeline},
};
use crate::{
    domain::{
        delivery::{Delivery, State},
        log::LogQuery,
        redelivery::HookNow,
        time::Timestamp,
    },
    rpc::deliveries::detail,
    ui::{
        pages::{param, query},
        widgets::{
            copy::CopyButton,
            datetime::DateTime,
            definition::Fact,
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::{
        deliveries::{Body, DeliveryDetail, Elsewhere},
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
    let DeliveryDetail { page, request, hook, remedy, elsewhere, is_all, .. } = detail;
    let DeliveryDetail { refused, newer, older, list, address, .. } = detail;
    let delivery = page.delivery.clone();
    let (name, now, attempts) = (page.hook_name.clone(), page.now, page.attempts);
    let own = format!("/integration/hooks/{}", delivery.hook_id);
    let may_see = !matches!(request.body, Body::Hidden);
    let has_body = attempts.last().is_some_and(|latest| !latest.response_body.is_empty());
    let is_deleted = hook == HookNow::Deleted;
    // The reason why a button is missing is shown only if there is no other button that helps.
    let refused = refused.filter(|_| remedy.is_none() && !is_deleted);
    view! {
        <Title text=format!("Delivery to {name}")/>
        <p class="crumbs"><a href=list.clone()>"Deliveries"</a> " › " {if is_deleted {
            view! { <span>{name.clone()}</span> }.into_any()
        } else {
            view! { <a href=own>{name.clone()}</a> }.into_any()
        }}</p>
        <div class="heading">
            <h1>{delivery.event_type.name()} " to " {name}</h1>
            <div class="buttons" id="live-buttons" data-live="">
                <Help delivery=delivery.clone() remedy act=page.act/>
            </div>
        </div>
        <Neighbours newer older list/>
        <Verdict delivery=delivery.clone() hook now
            detail=attempts.last().and_then(|attempt| attempt.detail.clone())/>
        <div id="live-refused" data-live="">{refused.map(|sentence| view! { <p
            class="lead">{sentence}</p> })}</div>
        <div class="columns">
            <div class="stack">
                <section class="card" aria-labelledby="attempts-title">
                    <h2 id="attempts-title">"Attempts"</h2>
                    <div id="live-attempts" data-live="">
                        <Timeline delivery=delivery.clone() attempts now may_see/>
                    </div>
                    {has_body.then(|| view! { <CopyButton from=LATEST_RESPONSE.to_owned()
                        label="Copy response".to_owned()/> })}
                </section>
                <section class="card request" aria-labelledby="request-title">
                    <h2 id="request-title">"Request"</h2>
                    <RequestPanel request address was_sent={delivery.attempts > 0}/>
                </section>
            </div>
            <div class="stack">
                <ElsewherePanel elsewhere is_all event=delivery.event_id.to_string()/>
                <Details delivery now/>
            </div>
        </div>
    }
}

/// The next newer and the next older delivery of the list that the reader came from.
#[component]
fn Neighbours(newer: Option<String>, older: Option<String>, list: String) -> impl IntoView {
    view! {
        <nav class="pages" aria-label="Adjacent deliveries" id="live-pages" data-live="">
            {newer.map(|href| view! { <a class="button" id="newer" rel="prev"
                href=href>"Newer delivery"</a> })}
            {older.map(|href| view! { <a class="button" id="older" rel="next"
                href=href>"Older delivery"</a> })}
            <a href=list>"Back to the list"</a>
        </nav>
    }
}

#[component]
fn Details(delivery: Delivery, now: Timestamp) -> impl IntoView {
    view! {
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
        </section>
    }
}

/// The other deliveries of the same event.
#[component]
fn ElsewherePanel(elsewhere: Vec<Elsewhere>, is_all: bool, event: String) -> impl IntoView {
    let sentence = words::elsewhere(elsewhere.len(), is_all);
    let items = elsewhere.into_iter().map(|Elsewhere { hook_name, delivery }| {
        let href = format!("/integration/hooks/{}/deliveries/{}", delivery.hook_id, delivery.id);
        view! { <li><a href=href>{hook_name}</a> " " <Outcome delivery/></li> }
    });
    view! {
        <section class="card elsewhere" aria-labelledby="elsewhere-title" id="live-elsewhere"
            data-live="">
            <h2 id="elsewhere-title">"This event elsewhere"</h2>
            <p class="small">{sentence}</p>
            <ul class="plain">{items.collect_view()}</ul>
            <p class="links"><a
                href=format!("/integration/deliveries?event={event}")>"All deliveries of this \
                event"</a></p>
        </section>
    }
}

/// The state of the delivery; after a failure also the diagnosis and the next step.
#[component]
fn Verdict(
    delivery: Delivery,
    hook: HookNow,
    now: Timestamp,
    detail: Option<String>,
) -> impl IntoView {
    let class = match delivery.state {
        State::Delivered => "panel ok",
        State::Failed => "panel bad",
        State::Pending | State::Waiting | State::Held => "panel warn",
        State::Skipped | State::Cancelled => "panel",
    };
    let diagnosis = delivery.last_answer.filter(|answer| !answer.is_success());
    let diagnosis = diagnosis.map(|answer| diagnose(answer, detail.as_deref()));
    // Nothing can be repaired for a hook that is gone.
    let next = move |next: &'static str| if hook == HookNow::Deleted { "" } else { next };
    let announced = format!("Delivery: {}", delivery.state.word());
    let summary = words::summary(&delivery, hook, now);
    let is_unsaid = hook == HookNow::Deleted && !summary.contains("the hook was deleted");
    let is_unsaid = is_unsaid && delivery.state.is_final();
    view! {
        <div class=class id="live-verdict" data-live="" data-announce=announced>
            <p><Outcome delivery=delivery.clone()/> " " {summary} {is_unsaid
                .then_some(" The hook was deleted.")}</p>
            {diagnosis.map(|diagnosis| view! { <p
                class="advice">{diagnosis.what} " " {next(diagnosis.next)}</p> })}
        </div>
    }
}
