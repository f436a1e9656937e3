//! The figures above the list of hooks. Each leads to what it counts.

use leptos::prelude::*;

use crate::{
    domain::{
        address::address,
        hook_query::{HookQuery, Sort, Status},
        time::Timestamp,
        words::grouped,
    },
    ui::widgets::datetime::DateTime,
    view::{
        hooks::{Figures, HookList},
        words::hooks as words,
    },
};

const DELIVERIES: &str = "/integration/deliveries";

#[component]
pub fn Tiles(list: HookList) -> impl IntoView {
    let failing: usize = list
        .statuses
        .iter()
        .filter(|(status, _)| status.is_failing())
        .map(|(_, number)| number)
        .sum();
    let failing_href = HookQuery { status: Status::Failing, ..HookQuery::default() }.address();
    let class = if failing > 0 { "bad" } else { "" };
    let now = list.now;
    view! {
        <ul class="tiles" id="live-figures" data-live="" aria-label="All hooks">
            {list.figures.map(|figures| view! { <OfDeliveries figures now/> })}
            <Tile href=failing_href label="Hooks failing" value=failing.to_string() class>"of "
                {list.total}</Tile>
        </ul>
    }
}

/// The figures for those who may see deliveries.
#[component]
fn OfDeliveries(figures: Figures, now: Timestamp) -> impl IntoView {
    let Figures { from, delivered, attempts, p95, waiting, held, held_since } = figures;
    let sorted = |sort| HookQuery { sort, ..HookQuery::default() }.address();
    let log = |query: &[(&str, &str)]| address(DELIVERIES, query);
    let delivered_href = log(&[("state", "delivered"), ("from", &from.rfc3339())]);
    let p95 = p95.map_or("–".to_owned(), |p95| format!("{} ms", grouped(p95)));
    let held_class = if held > 0 { "warn" } else { "" };
    view! {
        <Tile href=delivered_href label="Delivered, 24 h" value=grouped(delivered)>""</Tile>
        <Tile href=sorted(Sort::Rate) label="Success rate, 24 h"
            value=words::success_rate(&attempts)>"of attempts"</Tile>
        <Tile href=sorted(Sort::Slow) label="Response time, p95" value=p95>""</Tile>
        <Tile href=log(&[("state", "waiting")]) label="Waiting for a retry"
            value=words::up_to_many(waiting)>""</Tile>
        <Tile href=log(&[("state", "held")]) label="Held" value=words::up_to_many(held)
            class=held_class>
            {held_since.map(|at| view! { "oldest " <DateTime at now/> })}
        </Tile>
    }
}

#[component]
pub fn Tile(
    href: String,
    label: &'static str,
    value: String,
    #[prop(optional)] class: &'static str,
    children: Children,
) -> impl IntoView {
    let class = (!class.is_empty()).then_some(class);
    view! {
        <li><a href=href><span>{label}</span> <b class=class>{value}</b>" "
            <small>{children()}</small></a></li>
    }
}
