//! The figures above the list of hooks. Each leads to what it counts.

use leptos::prelude::*;

use crate::{
    domain::{
        address::address,
        hook_query::{HookQuery, Sort, Status},
        hook_status::HookStatus,
        time::{Timestamp, readable_duration},
        words::grouped,
    },
    ui::widgets::{
        badge::Tone,
        tile::{Tile, Tiles},
    },
    view::{
        hooks::{Figures, HookList},
        words::hooks as words,
    },
};

#[component]
pub fn FigureTiles(list: HookList) -> impl IntoView {
    let is_failing = |(status, _): &&(_, usize)| HookStatus::is_failing(*status);
    let failing: usize = list.statuses.iter().filter(is_failing).map(|(_, number)| number).sum();
    let href = HookQuery { status: Status::Failing, ..HookQuery::default() }.address();
    let tone = if failing > 0 { Tone::Bad } else { Tone::Neutral };
    let now = list.now;
    view! {
        <Tiles label="All hooks">
            {list.figures.map(|figures| view! { <OfDeliveries figures now/> })}
            <Tile id="live-failing" href=Some(href) label="Hooks failing"
                figure=failing.to_string() note=format!("of {}", list.total) tone/>
        </Tiles>
    }
}

/// The figures for those who may see deliveries.
#[component]
fn OfDeliveries(figures: Figures, now: Timestamp) -> impl IntoView {
    let Figures { from, delivered, attempts, p95, waiting, held, held_since } = figures;
    let sorted = |sort| Some(HookQuery { sort, ..HookQuery::default() }.address());
    let log = |query: &[(&str, &str)]| Some(address("/integration/deliveries", query));
    let p95 = p95.map_or("–".to_owned(), |p95| format!("{} ms", grouped(p95)));
    let tone = if held > 0 { Tone::Warning } else { Tone::Neutral };
    let oldest = held_since.map(|at| format!("oldest {}", readable_duration(at.until(now))));
    view! {
        <Tile id="live-delivered" label="Delivered, 24 h" figure=grouped(delivered)
            href=log(&[("state", "delivered"), ("from", &from.rfc3339())])/>
        <Tile id="live-rate" label="Success rate, 24 h" figure=words::success_rate(&attempts)
            href=sorted(Sort::Rate)/>
        <Tile id="live-p95" label="Response time, p95" figure=p95 href=sorted(Sort::Slow)/>
        <Tile id="live-waiting" label="Waiting for a retry" figure=words::up_to_many(waiting)
            href=log(&[("state", "waiting")])/>
        <Tile id="live-held" label="Held" figure=words::up_to_many(held)
            note=oldest.unwrap_or_default() tone href=log(&[("state", "held")])/>
    }
}
