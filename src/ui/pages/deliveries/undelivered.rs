//! What has not arrived and needs a person: a group for each hook, with a row for each cause, its
//! number, its age and what can be done.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use crate::{
    domain::{
        address::address,
        delivery::State,
        log::AnswerGroup,
        time::Timestamp,
        words::{MANY, deliveries, grouped},
    },
    rpc::{
        hooks::{SetEnabled, TryNow},
        log::read_inbox,
    },
    ui::{
        pages::query,
        widgets::{
            datetime::DateTime,
            frame::{Frame, Place},
            loaded::loaded,
        },
    },
    view::{
        inbox::{Inbox, InboxHook, InboxPart},
        words::inbox as words,
    },
};

/// The page of undelivered events.
#[component]
pub fn UndeliveredPage() -> impl IntoView {
    view! { <Frame place=Place::Undelivered>{loaded(read_inbox(query("q")),
    |inbox| view! { <Content inbox/> })}</Frame> }
}

/// What the reader may do, and the time.
#[derive(Clone, Copy)]
struct Reader {
    may_replay: bool,
    may_switch: bool,
    now: Timestamp,
}

#[component]
fn Content(inbox: Inbox) -> impl IntoView {
    let Inbox { hooks, query, is_any, may_replay, may_switch, now } = inbox;
    let reader = Reader { may_replay, may_switch, now };
    let total: i64 = hooks.iter().map(|hook| hook.total).sum();
    let number = hooks.len();
    let is_none = number == 0;
    let lead = words::undelivered(total, i64::try_from(number).unwrap_or(i64::MAX));
    let groups = hooks.into_iter().map(|hook| view! { <Group hook reader/> }).collect_view();
    view! {
        <Title text="Undelivered"/>
        <div class="heading">
            <div>
                <h1>"Undelivered"</h1>
                <p class="lead" id="live-undelivered" data-live="">{lead}</p>
            </div>
            <div class="buttons">
                <a class="button" href="/integration/dismissed">"Dismissed"</a>
                <a class="button" href="/integration/jobs">"Jobs"</a>
            </div>
        </div>
        {(is_any || !query.is_empty()).then(|| view! { <Search query/> })}
        {if is_none && is_any {
            view! { <p class="empty">"No hook or cause matches. " <a
                href="/integration/undelivered">"Show all"</a></p> }.into_any()
        } else if is_none {
            view! { <p class="empty">"Everything has been delivered."</p> }.into_any()
        } else {
            view! {
                <div class="scroll" role="region" aria-label="Undelivered" tabindex="0">
                    <table class="inbox" id="live-inbox" data-live="">
                        <caption class="visually-hidden">"Undelivered events, by hook and \
                            cause"</caption>
                        <thead><tr>
                            <th scope="col">"Cause"</th><th scope="col" class="end">"Events"</th>
                            <th scope="col">"Oldest"</th><th scope="col">"Newest"</th>
                            <th scope="col" class="end">"Actions"</th>
                        </tr></thead>
                        {groups}
                    </table>
                </div>
            }.into_any()
        }}
    }
}

#[component]
fn Search(query: String) -> impl IntoView {
    view! {
        <form class="buttons" method="get" action="/integration/undelivered" role="search">
            <label for="q" class="visually-hidden">"Hook or cause"</label>
            <input id="q" name="q" type="search" class="short" value=query
                placeholder="Hook or cause"/>
            <button type="submit">"Search"</button>
        </form>
    }
}

/// A hook with its causes, and the link that redelivers all of them.
#[component]
fn Group(hook: InboxHook, reader: Reader) -> impl IntoView {
    let page = format!("/integration/hooks/{}", hook.id);
    let all = address(
        &format!("{page}/recover"),
        &[("since", "exact"), ("failed", "true"), ("skipped", "true")],
    );
    let several = hook.parts.iter().filter(|part| part.state != State::Held).count() > 1;
    let retrying = (hook.retrying > 0).then(|| words::retrying(hook.retrying, MANY));
    let total_id = format!("live-undelivered-{}", hook.id);
    let all_label = format!("Redeliver all events of {}", hook.name);
    let name = hook.name.clone();
    let rows = hook.parts.clone().into_iter().map(|part| {
        let hook = hook.clone();
        view! { <Row hook part reader/> }
    });
    let rows = rows.collect_view();
    view! {
        <tbody>
            <tr class="group">
                <th scope="rowgroup" class="named"><a href=page>{name}</a></th>
                <td class="end" data-label="Events" id=total_id
                    data-live="">{grouped(hook.total)}</td>
                <td colspan="2" class="small">{retrying}</td>
                <td class="end">{(reader.may_replay && several).then(|| view! { <a href=all
                    aria-label=all_label>"Redeliver all"</a> })}</td>
            </tr>
            {rows}
        </tbody>
    }
}

/// The events with the same cause. The number leads to exactly these.
#[component]
fn Row(hook: InboxHook, part: InboxPart, reader: Reader) -> impl IntoView {
    let InboxPart { state, answer, count, ends } = part.clone();
    let cause = words::cause(state, answer, hook.enabled);
    let key = answer.map(AnswerGroup::key).unwrap_or_default();
    // Without tests, which are not counted here.
    let outcome = if state == State::Failed { "undelivered" } else { state.key() };
    let log = address(
        &format!("/integration/hooks/{}/deliveries", hook.id),
        &[("state", outcome), ("answer", key)],
    );
    let row = format!("{}-{}-{key}", hook.id, state.key());
    let age = |at: Option<Timestamp>| match at {
        Some(at) => view! { <DateTime at now=reader.now/> }.into_any(),
        None => "–".into_any(),
    };
    let view_label = format!("View {}: {}: {cause}", deliveries(count), hook.name);
    view! {
        <tr id=format!("u-{row}")>
            <td data-label="Cause" id=format!("live-cause-{row}") data-live="">{cause}</td>
            <td data-label="Events" class="end" id=format!("live-events-{row}") data-live=""><a
                href=log aria-label=view_label>{grouped(count)}</a></td>
            <td data-label="Oldest" id=format!("live-oldest-{row}") data-live="">{age(ends
                .map(|(oldest, _)| oldest))}</td>
            <td data-label="Newest" id=format!("live-newest-{row}") data-live="">{age(ends
                .map(|(_, newest)| newest))}</td>
            <td class="end"><Actions hook part reader/></td>
        </tr>
    }
}

/// What can be done about a cause: held events need their hook, the others a redelivery. All can be
/// dismissed.
#[component]
fn Actions(hook: InboxHook, part: InboxPart, reader: Reader) -> impl IntoView {
    let InboxPart { state, answer, .. } = part;
    let label = format!("{}: {}", hook.name, words::cause(state, answer, hook.enabled));
    let key = answer.map(AnswerGroup::key).unwrap_or_default();
    let page = format!("/integration/hooks/{}", hook.id);
    let dismiss = address(&format!("{page}/dismiss"), &[("state", state.key()), ("answer", key)]);
    let send = match state {
        State::Held if !hook.enabled => reader.may_switch.then(|| view! {
            <form method="post" action=SetEnabled::url()>
                <input type="hidden" name="id" value=hook.id/>
                <input type="hidden" name="enabled" value="true"/>
                <button type="submit" aria-label=format!("Turn on {}", hook.name)>"Turn on"</button>
            </form>
        })
        .into_any(),
        State::Held => reader.may_replay.then(|| view! {
            <form method="post" action=TryNow::url()>
                <input type="hidden" name="id" value=hook.id/>
                <button type="submit" aria-label=format!("Try now: {label}")>"Try now"</button>
            </form>
        })
        .into_any(),
        state => reader.may_replay.then(|| {
            let recover = address(
                &format!("{page}/recover"),
                &[("since", "exact"), (state.key(), "true"), ("answer", key)],
            );
            view! { <a href=recover aria-label=format!("Redeliver {label}")>"Redeliver"</a> }
        })
        .into_any(),
    };
    view! {
        <div class="actions">
            {send}
            {reader.may_replay.then(|| view! { <a href=dismiss
                aria-label=format!("Dismiss {label}")>"Dismiss"</a> })}
        </div>
    }
}
