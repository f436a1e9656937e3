//! What hooks did not get and nobody sent again: one heading a hook, one row for each way in which
//! it went wrong.

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
    view::log::{Inbox, InboxHook, InboxPart},
};

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
    let lead = match number {
        0 => "What failed for good or was skipped because its hook was off gathers here until it \
              is sent again."
            .to_owned(),
        1 => format!("{} failed for good or were skipped, of one hook.", deliveries(total)),
        number => {
            format!("{} failed for good or were skipped, of {number} hooks.", deliveries(total))
        }
    };
    let groups = hooks.into_iter().map(|hook| view! { <Group hook may_replay/> });
    let groups = groups.collect_view();
    view! {
        <Title text="Undelivered"/>
        <div class="heading">
            <div>
                <h1>"Undelivered"</h1>
                <p class="lead">{lead}</p>
            </div>
            <a class="button" href="/integration/jobs">"Jobs"</a>
        </div>
        {if number == 0 {
            view! { <p class="empty">"Nothing is undelivered."</p> }.into_any()
        } else {
            view! {
                <div class="scroll" role="region" aria-label="Undelivered" tabindex="0">
                    <table class="inbox">
                        <caption class="visually-hidden">"Undelivered, by hook and by what went \
                            wrong"</caption>
                        <thead><tr>
                            <th scope="col">"Hook"</th><th scope="col">"Outcome"</th><th
                                scope="col">"Last answer"</th>
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
                    aria-label=format!("Redeliver all of {}",
                        hook.name)>"Redeliver all"</a> })}</td>
            </tr>
            {rows}
        </tbody>
    }
}

#[component]
fn Row(page: String, name: String, part: InboxPart, may_replay: bool) -> impl IntoView {
    let InboxPart { state, answer, count } = part;
    let log =
        address(&format!("{page}/deliveries"), &[("state", state.key()), ("answer", answer.key())]);
    let recover = address(
        &format!("{page}/recover"),
        &[("since", "exact"), (state.key(), "true"), ("answer", answer.key())],
    );
    let words = match state {
        State::Skipped => "Skipped (hook off or its queue full)",
        state => state.word(),
    };
    let label = format!("{name}: {words}, {}", answer.word());
    view! {
        <tr>
            <td></td>
            <td data-label="Outcome">{words}</td>
            <td data-label="Last answer">{answer.word()}</td>
            <td data-label="Deliveries" class="end"><a href=log aria-label=format!("{}: see them, \
                {label}", grouped(count))>{grouped(count)}</a></td>
            <td class="end">{may_replay.then(|| view! { <a href=recover
                aria-label=format!("Redeliver {label}")>"Redeliver"</a> })}</td>
        </tr>
    }
}
