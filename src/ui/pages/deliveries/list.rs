//! The delivery log of one hook, or of all hooks. Both pages share [`Content`].

use leptos::prelude::*;
use leptos_meta::Title;

use super::{export::Export, filter::LogFilter, histogram::Histogram, row::Row, views::Views};
use crate::{
    domain::{
        log::{LogQuery, PAGE_SIZES},
        permission::Permissions,
    },
    rpc::{log::read_log, session::read_frame},
    ui::{
        pages::{
            hooks::nav::{HookNav, HookPlace},
            param, query,
        },
        widgets::{
            datetime::{DateTime, readers_clock},
            field::ErrorSummary,
            frame::{Frame, Place},
            loaded::loaded,
            pages::Pages,
        },
    },
    view::{log::LogPage, words::deliveries as words},
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
            <div class="buttons">
                {page.errors.is_empty().then(|| view! { <Export page=page.clone()/> })}
            </div>
        </div>
        {hook.map(|hook| view! { <HookNav id=hook.id place=HookPlace::Deliveries permissions/> })}
        <ErrorSummary errors/>
        <LogFilter page=page.clone()/>
        {page.hook.is_none().then(|| view! { <Views page=page.clone()/> })}
        <Histogram page=page.clone()/>
        {if page.rows.is_empty() {
            view! { <Nothing page=page.clone()/> }.into_any()
        } else {
            view! { <Table page=page.clone()/> }.into_any()
        }}
        <Further page=page.clone()/>
        {(page.may_replay && !page.rows.is_empty()).then(|| view! { <Bulk page=page.clone()/> })}
        {(!page.rows.is_empty()).then(|| view! { <PageSize page=page.clone()/> })}
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
            <p class="panel">{found} " " {words::searched(page.searched)} <DateTime at=until
                now/> ". " <a
                href=address>"Search further back"</a></p>
        }
    })
}

#[component]
fn Table(page: LogPage) -> impl IntoView {
    let LogPage { rows, may_replay, hook, now, suffix, links, .. } = page;
    let is_global = hook.is_none();
    let clock = readers_clock();
    // The date is shown where it changes; the first row shows it unless it is today's.
    let mut day = clock.date(now);
    let rows = rows.into_iter().map(|row| {
        let own = clock.date(row.delivery.created_at);
        let shows_date = std::mem::replace(&mut day, own.clone()) != own;
        view! { <Row row now may_replay is_global shows_date suffix=suffix.clone()/> }
    });
    let rows: Vec<_> = rows.collect();
    view! {
        <div class="scroll" role="region" aria-label="Deliveries" tabindex="0">
            <table class="log" data-news=links.is_newest.then_some("")>
                <caption class="visually-hidden">"Deliveries, newest first"</caption>
                <thead><tr>
                    {may_replay.then(|| view! { <td></td> })}
                    <th scope="col">"Accepted"</th>
                    <th scope="col">"Event"</th>
                    {is_global.then(|| view! { <th scope="col">"Hook"</th> })}
                    <th scope="col">"Result"</th>
                    <th scope="col" class="end spare">"Attempts"</th>
                    <th scope="col" class="end spare">"Duration"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

/// How many rows a page has; the number stays in the address.
#[component]
fn PageSize(page: LogPage) -> impl IntoView {
    let chosen = page.query.page_size();
    let links = PAGE_SIZES.iter().map(|rows| {
        let href = page.query.with("rows", &rows.to_string()).address(&page.path);
        let current = (*rows == chosen).then_some("true");
        view! { <a href=href aria-current=current aria-label=format!("{rows} rows")>{*rows}</a> }
    });
    view! { <p class="ranges page-size"><span class="faint">"Rows: "</span>{links.collect_view()}
    </p> }
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
