//! Failed and skipped deliveries that were not redelivered: a group for each hook, with a row for
//! each outcome and last response.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    domain::{
        address::address,
        delivery::State,
        words::{deliveries, grouped},
    },
    rpc::log::read_inbox,
    ui::widgets::{
        frame::{Frame, Place},
        loaded::loaded,
    },
    view::{
        log::{Inbox, InboxHook, InboxPart},
        words::deliveries as words,
    },
};

/// The page of undelivered events.
#[component]
pub fn UndeliveredPage() -> impl IntoView {
    view! { <Frame place=Place::Undelivered>{loaded(read_inbox(),
    |inbox| view! { <Content inbox/> })}</Frame> }
}

#[component]
fn Content(inbox: Inbox) -> impl IntoView {
    let Inbox { hooks, may_replay } = inbox;
    let total: i64 = hooks.iter().map(|hook| hook.total).sum();
    let number = hooks.len();
    let lead = words::undelivered(total, i64::try_from(number).unwrap_or(i64::MAX));
    let groups = hooks.into_iter().map(|hook| view! { <Group hook may_replay/> });
    let groups = groups.collect_view();
    view! {
        <Title text="Undelivered"/>
        <div class="heading">
            <div>
                <h1>"Undelivered"</h1>
                <p class="lead" id="live-lead" data-live="">{lead}</p>
            </div>
            <a class="button" href="/integration/jobs">"Jobs"</a>
        </div>
        {if number == 0 {
            view! { <p class="empty">"Everything has been delivered."</p> }.into_any()
        } else {
            view! {
                <div class="scroll" role="region" aria-label="Undelivered" tabindex="0">
                    <table class="inbox" id="live-inbox" data-live="">
                        <caption class="visually-hidden">"Undelivered, by hook, status and last \
                            response"</caption>
                        <thead><tr>
                            <th scope="col">"Hook"</th><th scope="col">"Status"</th><th
                                scope="col">"Last response"</th>
                            <th scope="col" class="end">"Deliveries"</th><th scope="col"><span
                                class="visually-hidden">"Actions"</span></th>
                        </tr></thead>
                        {groups}
                    </table>
                </div>
            }.into_any()
        }}
    }
}

/// A hook with its rows, and the link that redelivers all of them.
#[component]
fn Group(hook: InboxHook, may_replay: bool) -> impl IntoView {
    let page = format!("/integration/hooks/{}", hook.id);
    let all = address(
        &format!("{page}/recover"),
        &[("since", "exact"), ("failed", "true"), ("skipped", "true")],
    );
    let rows = hook
        .parts
        .into_iter()
        .map(|part| view! { <Row page=page.clone() name=hook.name.clone() part may_replay/> });
    let rows = rows.collect_view();
    view! {
        <tbody>
            <tr class="group">
                <th scope="rowgroup" colspan="3" class="named"><a
                    href=page.clone()>{hook.name.clone()}</a></th>
                <td class="end">{grouped(hook.total)}</td>
                <td class="end">{may_replay.then(|| view! { <a href=all
                    aria-label=format!("Redeliver all events of {}",
                        hook.name)>"Redeliver all"</a> })}</td>
            </tr>
            {rows}
        </tbody>
    }
}

/// The deliveries with the same outcome and last response.
#[component]
fn Row(page: String, name: String, part: InboxPart, may_replay: bool) -> impl IntoView {
    let InboxPart { state, answer, count } = part;
    let log =
        address(&format!("{page}/deliveries"), &[("state", state.key()), ("answer", answer.key())]);
    let recover = address(
        &format!("{page}/recover"),
        &[("since", "exact"), (state.key(), "true"), ("answer", answer.key())],
    );
    let outcome = match state {
        State::Skipped => words::SKIPPED,
        state => state.word(),
    };
    let label = format!("{name}: {outcome}, {}", answer.word());
    view! {
        <tr>
            <td></td>
            <td data-label="Status">{outcome}</td>
            <td data-label="Last response">{answer.word()}</td>
            <td data-label="Deliveries" class="end"><a href=log aria-label=format!("View {}: \
                {label}", deliveries(count))>{grouped(count)}</a></td>
            <td class="end">{may_replay.then(|| view! { <a href=recover
                aria-label=format!("Redeliver {label}")>"Redeliver"</a> })}</td>
        </tr>
    }
}
