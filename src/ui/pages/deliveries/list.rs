//! The delivery log of one hook, or of all hooks. Both pages share [`Content`].

use leptos::prelude::*;
use leptos_meta::Title;

use super::{Outcome, filter::LogFilter, short_id};
use crate::{
    domain::{
        delivery::{Delivery, State},
        log::LogQuery,
        permission::Permissions,
        time::Timestamp,
    },
    rpc::{log::read_log, session::read_frame},
    ui::{
        pages::{
            hooks::nav::{HookNav, HookPlace},
            param, query,
        },
        widgets::{
            datetime::DateTime,
            field::ErrorSummary,
            frame::{Frame, Place},
            loaded::loaded,
            pages::Pages,
        },
    },
    view::{
        log::{LogPage, LogRow},
        words::deliveries as words,
    },
};

/// The log of all hooks.
#[component]
pub fn DeliveriesPage() -> impl IntoView {
    let page = read_log(String::new(), LogQuery::read(query));
    let read = async { Ok((page.await?, read_frame().await?.permissions)) };
    view! {
        <Frame place=Place::Deliveries>{loaded(read,
            |(page, permissions)| view! { <Content page permissions/> })}</Frame>
    }
}

/// The log of one hook.
#[component]
pub fn HookDeliveriesPage() -> impl IntoView {
    let page = read_log(param("id"), LogQuery::read(query));
    let read = async { Ok((page.await?, read_frame().await?.permissions)) };
    view! {
        <Frame place=Place::Hooks>{loaded(read,
            |(page, permissions)| view! { <Content page permissions/> })}</Frame>
    }
}

#[component]
fn Content(page: LogPage, permissions: Permissions) -> impl IntoView {
    let hook = page.hook.clone();
    let title =
        hook.as_ref().map_or("Deliveries".to_owned(), |hook| format!("Deliveries – {}", hook.name));
    let kept = words::kept(page.kept_days, page.bodies_kept_days);
    let errors = page.errors.clone();
    view! {
        <Title text=title/>
        {hook.clone().map(|hook| view! {
            <p class="crumbs"><a href="/integration/hooks">"Service hooks"</a> " › " <a
                href=format!("/integration/hooks/{}", hook.id)>{hook.name}</a></p>
        })}
        <div class="heading">
            <div>
                <h1>"Deliveries"</h1>
                <p class="lead">{kept}</p>
            </div>
        </div>
        {hook.map(|hook| view! { <HookNav id=hook.id place=HookPlace::Deliveries permissions/> })}
        <ErrorSummary errors/>
        <LogFilter page=page.clone()/>
        {if page.rows.is_empty() {
            view! { <Nothing page=page.clone()/> }.into_any()
        } else {
            view! { <Table page=page.clone()/> }.into_any()
        }}
        <Further page=page.clone()/>
        {(page.may_replay && !page.rows.is_empty()).then(|| view! { <Bulk page=page.clone()/> })}
        <Pages newest=page.links.newer.is_some().then(|| page.links.newest.clone())
            newer=page.links.newer older=page.links.older/>
    }
}

/// The empty state: no deliveries at all, or no matches.
#[component]
fn Nothing(page: LogPage) -> impl IntoView {
    let all = LogQuery::default().address(&page.path);
    if !page.errors.is_empty() || page.links.further.is_some() {
        return ().into_any();
    }
    if page.is_empty || page.query.is_plain(true) {
        return view! {
            <p class="empty">"No deliveries yet. Deliveries appear here as events arrive."</p>
        }
        .into_any();
    }
    view! { <p class="empty">"No deliveries match these filters. " <a href=all>"Show all"</a></p> }
        .into_any()
}

/// The scan stopped at its limit: how far it got, and the link that continues there.
#[component]
fn Further(page: LogPage) -> impl IntoView {
    let now = page.now;
    page.links.further.map(|(until, address)| {
        let found =
            if page.rows.is_empty() { "No matches yet." } else { "There may be more matches." };
        view! {
            <p class="panel">{found} " Searched back to " <DateTime at=until now/> ". " <a
                href=address>"Search further back"</a></p>
        }
    })
}

#[component]
fn Table(page: LogPage) -> impl IntoView {
    let LogPage { rows, may_replay, hook, now, suffix, links, .. } = page;
    let is_global = hook.is_none();
    let heads =
        ["Hook", "Status", "Accepted", "Attempts", "Last response", "Duration", "Next attempt"];
    let class = |head: &str| matches!(head, "Attempts" | "Duration").then_some("spare");
    let heads = heads.into_iter().skip(usize::from(!is_global));
    let heads = heads.map(|head| view! { <th scope="col" class=class(head)>{head}</th> });
    let rows = rows
        .into_iter()
        .map(|row| view! { <Row row now may_replay is_global suffix=suffix.clone()/> });
    view! {
        <div class="scroll" role="region" aria-label="Deliveries" tabindex="0">
            <table class="log" data-news=links.is_newest.then_some("")>
                <caption class="visually-hidden">"Deliveries, newest first"</caption>
                <thead><tr>{may_replay.then(|| view! { <td></td> })}<th
                    scope="col">"Event"</th>{heads.collect_view()}</tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}

/// A delivery. The checkbox belongs to the form of [`Bulk`].
#[component]
fn Row(
    row: LogRow,
    now: Timestamp,
    may_replay: bool,
    is_global: bool,
    suffix: String,
) -> impl IntoView {
    let LogRow { delivery, hook } = row;
    let hook_page = format!("/integration/hooks/{}", delivery.hook_id);
    let href = format!("{hook_page}/deliveries/{}{suffix}", delivery.id);
    let event = delivery.event_id.to_string();
    let answer = delivery.last_answer.map_or("–".to_owned(), words::response);
    let reason = delivery.reason.clone();
    let reason = reason.map(|reason| view! { <p class="small">{words::short_reason(&reason)}</p> });
    let duration =
        delivery.last_duration_ms.map_or("–".to_owned(), |millis| format!("{millis} ms"));
    // An event has a delivery for each of its hooks, so its id alone does not identify a row.
    let name = if is_global { format!("{} to {hook}", short_id(&event)) } else { short_id(&event) };
    let label = format!("Select {name}");
    let anchor = format!("d-{}", delivery.id);
    view! {
        <tr id=anchor data-live="">
            {may_replay.then(|| view! {
                <td class="pick"><input type="checkbox" name="id" value=delivery.id.to_string()
                    form="chosen" aria-label=label/></td>
            })}
            <th scope="row"><a class="mono nowrap" href=href title=event.clone()
                aria-label=format!("Event {name}")>{short_id(&event)}</a></th>
            {is_global.then(|| view! { <td data-label="Hook" class="named"><a
                href=hook_page>{hook}</a></td> })}
            <td data-label="Status"><Outcome delivery=delivery.clone()/> {reason}</td>
            <td data-label="Accepted"><DateTime at=delivery.created_at now/></td>
            <td data-label="Attempts" class="spare">{delivery.attempts}</td>
            <td data-label="Last response">{answer}</td>
            <td data-label="Duration" class="nowrap spare">{duration}</td>
            <td data-label="Next attempt"><Next delivery now/></td>
        </tr>
    }
}

/// When the next attempt is due.
#[component]
fn Next(delivery: Delivery, now: Timestamp) -> impl IntoView {
    match (delivery.state, delivery.due_at) {
        (_, Some(at)) if at <= now => "now".into_any(),
        (_, Some(at)) => view! { <DateTime at now/> }.into_any(),
        (State::Held, None) => "when the hook resumes".into_any(),
        _ => "–".into_any(),
    }
}

/// Redelivers the selected rows, or all matches.
#[component]
fn Bulk(page: LogPage) -> impl IntoView {
    let back = page.query.address(&page.path);
    let all = page.links.recover.map(|address| {
        view! { <a class="button" href=address>{words::redeliver_matching(page.matching)}</a> }
    });
    view! {
        <form class="bulk" id="chosen" method="get" action="/integration/deliveries/redeliver">
            <input type="hidden" name="back" value=back/>
            <button type="submit">"Redeliver selected"</button>
            {all}
        </form>
    }
}
