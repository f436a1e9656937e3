//! The log of deliveries: of one hook, or of all of them. One body for both.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{Outcome, answer_words, filter::LogFilter, short_id};
use crate::{
    domain::{
        delivery::{Delivery, State},
        log::LogQuery,
        permission::Permissions,
        time::Timestamp,
        words::{MANY, count},
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
            live::News,
            loaded::loaded,
            pages::Pages,
        },
    },
    view::log::{LogPage, LogRow},
};

#[component]
pub fn DeliveriesPage() -> impl IntoView {
    let page = read_log(String::new(), LogQuery::read(query));
    let read = async { Ok((page.await?, read_frame().await?.permissions)) };
    view! {
        <Frame place=Place::Deliveries>{loaded(read,
            |(page, permissions)| view! { <Content page permissions/> })}</Frame>
    }
}

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
    let kept = format!(
        "Deliveries are kept for {}, their bodies for {}.",
        count(i64::try_from(page.kept_days).unwrap_or(i64::MAX), "day"),
        count(i64::try_from(page.bodies_kept_days).unwrap_or(i64::MAX), "day"),
    );
    let refresh = page.query.address(&page.path);
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
            <a class="button" href=refresh>"Refresh"</a>
        </div>
        {hook.map(|hook| view! { <HookNav id=hook.id place=HookPlace::Deliveries permissions/> })}
        <ErrorSummary errors/>
        <LogFilter page=page.clone()/>
        {page.links.stream.clone().map(|from| view! { <News from
            newest=page.links.newest.clone()/> })}
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

#[component]
fn Nothing(page: LogPage) -> impl IntoView {
    let all = LogQuery::default().address(&page.path);
    if !page.errors.is_empty() || page.links.further.is_some() {
        return ().into_any();
    }
    if page.is_empty || page.query.is_plain(true) {
        return view! {
            <p class="empty">"Nothing was delivered yet. As soon as an event comes for a hook it \
                              stands here, whether it arrives or not."</p>
        }
        .into_any();
    }
    view! { <p class="empty">"No delivery matches these filters. " <a href=all>"Show all"</a></p> }
        .into_any()
}

/// Where no index could help, the page says how far it looked.
#[component]
fn Further(page: LogPage) -> impl IntoView {
    let now = page.now;
    page.links.further.map(|(until, address)| {
        let found =
            if page.rows.is_empty() { "Nothing was found so far." } else { "There may be more." };
        view! {
            <p class="panel">{found} " This page looked back to " <DateTime at=until now/> ". " <a
                href=address>"Look further"</a></p>
        }
    })
}

#[component]
fn Table(page: LogPage) -> impl IntoView {
    let LogPage { rows, may_replay, hook, now, suffix, .. } = page;
    let is_global = hook.is_none();
    let heads =
        ["Hook", "Outcome", "Accepted", "Attempts", "Last answer", "Duration", "Next attempt"];
    let class = |head: &str| matches!(head, "Attempts" | "Duration").then_some("spare");
    let heads = heads.into_iter().skip(usize::from(!is_global));
    let heads = heads.map(|head| view! { <th scope="col" class=class(head)>{head}</th> });
    let rows = rows
        .into_iter()
        .map(|row| view! { <Row row now may_replay is_global suffix=suffix.clone()/> });
    view! {
        <div class="scroll" role="region" aria-label="Deliveries" tabindex="0">
            <table class="log">
                <caption class="visually-hidden">"Deliveries, newest first"</caption>
                <thead><tr>{may_replay.then(|| view! { <td></td> })}<th
                    scope="col">"Event"</th>{heads.collect_view()}</tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}

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
    let answer = match (&delivery.last_answer, &delivery.reason) {
        (Some(answer), _) => answer_words(*answer),
        (None, Some(reason)) => reason.clone(),
        (None, None) => "–".to_owned(),
    };
    let duration =
        delivery.last_duration_ms.map_or("–".to_owned(), |millis| format!("{millis} ms"));
    // One event goes to every hook that listens to it: its id alone does not name a row.
    let name = if is_global { format!("{} to {hook}", short_id(&event)) } else { short_id(&event) };
    let label = format!("Select {name}");
    view! {
        <tr>
            {may_replay.then(|| view! {
                <td class="pick"><input type="checkbox" name="id" value=delivery.id.to_string()
                    form="chosen" aria-label=label/></td>
            })}
            <th scope="row"><a class="mono nowrap" href=href title=event.clone()
                aria-label=format!("Event {name}")>{short_id(&event)}</a></th>
            {is_global.then(|| view! { <td data-label="Hook" class="named"><a
                href=hook_page>{hook}</a></td> })}
            <td data-label="Outcome"><Outcome delivery=delivery.clone()/></td>
            <td data-label="Accepted"><DateTime at=delivery.created_at now/></td>
            <td data-label="Attempts" class="spare">{delivery.attempts}</td>
            <td data-label="Last answer">{answer}</td>
            <td data-label="Duration" class="nowrap spare">{duration}</td>
            <td data-label="Next attempt"><Next delivery now/></td>
        </tr>
    }
}

#[component]
fn Next(delivery: Delivery, now: Timestamp) -> impl IntoView {
    match (delivery.state, delivery.due_at) {
        (_, Some(at)) if at <= now => "now".into_any(),
        (_, Some(at)) => view! { <DateTime at now/> }.into_any(),
        (State::Held, None) => "when the hook sends again".into_any(),
        _ => "–".into_any(),
    }
}

/// What can be done with the rows that are picked, and with all that match.
#[component]
fn Bulk(page: LogPage) -> impl IntoView {
    let back = page.query.address(&page.path);
    let all = page.links.recover.map(|address| {
        let words = match page.matching {
            Some(matching) if matching > MANY => {
                "Redeliver everything that matches (more than 10,000)".to_owned()
            }
            Some(matching) => {
                format!(
                    "Redeliver everything that matches ({})",
                    crate::domain::words::grouped(matching)
                )
            }
            None => "Redeliver everything that matches".to_owned(),
        };
        view! { <a class="button" href=address>{words}</a> }
    });
    view! {
        <form class="bulk" id="chosen" method="get" action="/integration/deliveries/redeliver">
            <input type="hidden" name="back" value=back/>
            <button type="submit">"Redeliver selected"</button>
            {all}
        </form>
    }
}
