//! The bar chart above the list: what was accepted when, and how it ended. Each bar leads to its
//! time range. The same numbers stand below as a list of links, for the keyboard and for screen
//! readers.

use leptos::prelude::*;

use crate::{
    domain::{histogram::Bar, time::Timestamp},
    ui::widgets::datetime::readers_clock,
    view::{log::LogPage, words::deliveries as words},
};

/// Width of a bar with the gap behind it, and height of the chart, in units of the drawing.
const STEP: usize = 10;
const GAP: usize = 2;
const HEIGHT: i64 = 100;

#[component]
pub fn Histogram(page: LogPage) -> impl IntoView {
    let Some(chart) = page.histogram.clone() else { return ().into_any() };
    let clock = readers_clock();
    let highest = chart.bars.iter().map(Bar::total).max().unwrap_or(0).max(1);
    let width = chart.bars.len() * STEP;
    let parts = chart.bars.iter().zip(chart.bounds.windows(2));
    let filled = parts.enumerate().filter(|(_, (bar, _))| bar.total() > 0);
    let mut drawn = Vec::new();
    let mut listed = Vec::new();
    for (at, (bar, ends)) in filled {
        let range = format!("{} to {}", clock.exact(ends[0]), clock.exact(ends[1]));
        let text = words::bar(&range, bar);
        let query = page.query.with("from", &ends[0].rfc3339()).with("to", &ends[1].rfc3339());
        let href = query.with("last", "").address(&page.path);
        listed.push(view! { <li><a href=href.clone()>{text.clone()}</a></li> });
        let x = at * STEP;
        drawn.push(view! {
            <a href=href tabindex="-1">
                <title>{text}</title>
                <rect class="hit" x=x y="0" width=STEP height=HEIGHT></rect>
                {stack(bar, highest, x)}
            </a>
        });
    }
    let marks =
        [chart.bounds.first(), chart.bounds.get(chart.bounds.len() / 2), chart.bounds.last()];
    let mark = |at: Option<&Timestamp>| at.map(|at| clock.exact(*at)).unwrap_or_default();
    let marks = marks.map(|at| view! { <span>{mark(at)}</span> });
    let note = chart.is_sampled.then(|| {
        view! { <p class="small">"There are too many to count \
        each: the bars are estimated from samples."</p> }
    });
    view! {
        <div class="histogram" id="live-histogram" data-live="">
            <svg viewBox=format!("0 0 {width} {HEIGHT}") preserveAspectRatio="none"
                aria-hidden="true" focusable="false">{drawn}</svg>
            <p class="ends" aria-hidden="true">{marks.into_iter().collect_view()}</p>
            {note}
        </div>
        <details class="numbers">
            <summary>"Deliveries over time, as text"</summary>
            <ul>{listed}</ul>
        </details>
    }
    .into_any()
}

/// The parts of a bar from the bottom up: failures first, so that a few are not lost on top.
fn stack(bar: &Bar, highest: i64, x: usize) -> impl IntoView + use<> {
    let mut bottom = HEIGHT;
    let parts = [
        ("bad", bar.failed),
        ("open", bar.open),
        ("dropped", bar.dropped),
        ("good", bar.delivered),
    ];
    let rects = parts.map(|(class, number)| {
        (number > 0).then(|| {
            // At least 2 units high, so that small numbers stay visible.
            let height = (number.saturating_mul(HEIGHT) / highest).max(2);
            bottom = (bottom - height).max(0);
            view! { <rect class=class x=x y=bottom width=STEP - GAP height=height></rect> }
        })
    });
    rects.into_iter().collect_view()
}
