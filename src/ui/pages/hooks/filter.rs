//! Filtering, sorting and paging of the list of hooks. All of it is in the address: the form only
//! leads to another query string.

use leptos::prelude::*;

use crate::{
    domain::{
        hook_query::{HOOKS, HookQuery, Sort, Status},
        words::count,
    },
    view::hooks::HookList,
};

/// The search, and a link for each status with the number of its hooks.
#[component]
pub fn Filter(list: HookList) -> impl IntoView {
    let HookList { query, total, found, statuses, not_set_up, .. } = list;
    let HookQuery { text, status, sort, .. } = query.clone();
    let failing =
        statuses.iter().filter(|(status, _)| status.is_failing()).map(|(_, number)| number).sum();
    let not_set_up = not_set_up.len();
    let number = move |of: Status| match of {
        Status::All => total,
        Status::Failing => failing,
        Status::NotSetUp => not_set_up,
        Status::Only(only) => {
            statuses.iter().find(|(known, _)| *known == only).map_or(0, |(_, number)| *number)
        }
    };
    let is_filtered = query.is_filtered();
    let counted = count(total as i64, "hook");
    let chips: Vec<(Status, usize)> = Status::all()
        .into_iter()
        .map(|known| (known, number(known)))
        // The figures above have the failing hooks; an empty status leads nowhere.
        .filter(|(known, number)| match known {
            known if *known == status => true,
            Status::All => true,
            Status::Failing => false,
            _ => *number > 0,
        })
        .collect();
    view! {
        <div class="filter">
            <form class="filter" method="get" action=HOOKS role="search"
                aria-label="Filter hooks">
                <input type="search" name="q" value=text aria-label="Name, URL or event"
                    placeholder="Name, URL or event"/>
                {(status != Status::All).then(|| view! { <input type="hidden" name="status"
                    value=status.key()/> })}
                {(sort != Sort::Event).then(|| view! { <input type="hidden" name="sort"
                    value=sort.key()/> })}
                <button type="submit">"Search"</button>
            </form>
            <Chips query chips/>
            // The link to all hooks has the number of all.
            {is_filtered.then(|| view! { <a href=HOOKS>"Show all"</a>
                <span class="count">{format!("{found} of {counted}")}</span> })}
        </div>
    }
}

#[component]
fn Chips(query: HookQuery, chips: Vec<(Status, usize)>) -> impl IntoView {
    let links = chips.into_iter().map(|(status, number)| {
        let current = (status == query.status).then_some("true");
        let href = HookQuery { status, page: 1, ..query.clone() }.address();
        view! { <a href=href aria-current=current>{status.word()} " " {number}</a> }
    });
    view! { <nav class="statuses" id="live-statuses" data-live=""
    aria-label="Status">{links.collect_view()}</nav> }
}

/// A column heading that sorts by its column. A second click returns to the groups by event.
#[component]
pub fn Head(
    query: HookQuery,
    sort: Sort,
    text: &'static str,
    class: &'static str,
) -> impl IntoView {
    let is_sorted = query.sort == sort;
    let next = if is_sorted { Sort::Event } else { sort };
    let href = HookQuery { sort: next, page: 1, ..query }.address();
    // Names ascend; statuses start with the worst, deliveries with the latest.
    let order = if sort == Sort::Name { "ascending" } else { "descending" };
    view! {
        <th scope="col" class=class aria-sort=is_sorted.then_some(order)>
            <a href=href>{text} {is_sorted.then(|| view! { <span
                aria-hidden="true">{if sort == Sort::Name { " ↑" } else { " ↓" }}</span> })}</a>
        </th>
    }
}

#[component]
pub fn Pages(query: HookQuery, pages: usize) -> impl IntoView {
    let page = query.page;
    let to = move |page: usize| HookQuery { page, ..query.clone() }.address();
    (pages > 1).then(|| {
        view! {
            <nav class="pages" aria-label="Pages">
                {(page > 1).then(|| view! { <a class="button" rel="prev"
                    href=to(page - 1)>"Previous"</a> })}
                <span>"Page " {page} " of " {pages}</span>
                {(page < pages).then(|| view! { <a class="button" rel="next"
                    href=to(page + 1)>"Next"</a> })}
            </nav>
        }
    })
}
