//! Filtering, sorting and paging of the list of hooks. All of it is in the address: the form only
//! leads to another query string.

use leptos::prelude::*;

use crate::domain::hook_query::{HOOKS, HookQuery, Sort, Status};

#[component]
pub fn Filter(query: HookQuery, counted: String) -> impl IntoView {
    let HookQuery { text, status, sort, .. } = query.clone();
    let options = Status::all().into_iter().map(|known| {
        let selected = known == status;
        view! { <option value=known.key() selected=selected>{known.word()}</option> }
    });
    view! {
        <form class="filter" method="get" action=HOOKS role="search" aria-label="Filter hooks">
            <input type="search" name="q" value=text aria-label="Name, URL or event"
                placeholder="Name, URL or event"/>
            <select name="status" aria-label="Status">{options.collect_view()}</select>
            {(sort != Sort::Event).then(|| view! { <input type="hidden" name="sort"
                value=sort.key()/> })}
            <button type="submit">"Apply"</button>
            {query.is_filtered().then(|| view! { <a href=HOOKS>"Show all"</a> })}
            <span class="count">{counted}</span>
        </form>
    }
}

/// A column heading that sorts by its column. A second click returns to the groups by event.
#[component]
pub fn Head(query: HookQuery, sort: Sort, text: &'static str) -> impl IntoView {
    let is_sorted = query.sort == sort;
    let next = if is_sorted { Sort::Event } else { sort };
    let href = HookQuery { sort: next, page: 1, ..query }.address();
    // Names ascend; statuses start with the worst, deliveries with the latest.
    let order = if sort == Sort::Name { "ascending" } else { "descending" };
    view! {
        <th scope="col" aria-sort=is_sorted.then_some(order)>
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
