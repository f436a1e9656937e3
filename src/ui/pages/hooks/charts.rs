//! A hook's charts for a range of time: attempts and response time, whose numbers are also in a
//! table; and why attempts failed.

use std::time::Duration;

use leptos::prelude::*;

use crate::{
    domain::{
        address::address,
        log::AnswerGroup,
        measured::Range,
        time::Timestamp,
        words::{MANY, count, count_to, grouped},
    },
    ui::widgets::{
        chart::{Column, ColumnChart, LineChart, Slot, TimeChart},
        datetime::readers_clock,
        table::DataTable,
    },
    view::{
        hooks::{Charts as Data, Point},
        words::hooks as words,
    },
};

#[component]
pub fn Charts(id: String, charts: Data) -> impl IntoView {
    let Data { range, points, skipped, outcomes, p50, p95, .. } = charts;
    let page = format!("/integration/hooks/{id}");
    let sum = words::outcomes(&outcomes);
    let from = points.first().map(|point| point.from.rfc3339()).unwrap_or_default();
    let skipped = (skipped > 0).then(|| {
        let href = address(&format!("{page}/deliveries"), &[("state", "skipped"), ("from", &from)]);
        view! { ", " <a href=href>{count_to(skipped, MANY, "event")} " skipped"</a> }
    });
    let has_any = outcomes.total() > 0;
    let csv = format!("{page}/measured.csv?range={}", range.key());
    let response_time = p50.zip(p95).map(|(p50, p95)| words::response_time(p50, p95));
    view! {
        <section class="card" aria-labelledby="attempts-title" id="live-charts" data-live="">
            <div class="heading">
                <h2 id="attempts-title">"Attempts in the last " {range.words()}</h2>
                <Ranges page=page.clone() range/>
            </div>
            {if has_any {
                view! { <Drawn page=page.clone() points=points.clone() range sum=sum.clone()/> }
                    .into_any()
            } else {
                view! { <p class="empty">"No attempts in the \
                    last " {range.words()} "."</p> }.into_any()
            }}
            <p>{sum} {skipped} "." " " {response_time}</p>
            {has_any.then(|| view! {
                <details>
                    <summary>"Show as table"</summary>
                    <PointTable page points range/>
                    <p><a href=csv download>"Download as CSV"</a></p>
                </details>
            })}
        </section>
    }
}

#[component]
fn Ranges(page: String, range: Range) -> impl IntoView {
    let links = Range::ALL.iter().map(move |known| {
        let key = if *known == Range::default() { "" } else { known.key() };
        let href = address(&page, &[("range", key)]);
        view! { <a href=href aria-current=(*known == range).then_some("true")>{known.words()}</a> }
    });
    view! { <nav class="ranges" aria-label="Time range">{links.collect_view()}</nav> }
}

/// The charts of attempts and of response time, over the same time axis. Each period is a link: its
/// values show on hover and focus, and it leads to the events that were accepted in it.
#[component]
fn Drawn(page: String, points: Vec<Point>, range: Range, sum: String) -> impl IntoView {
    let columns = points
        .iter()
        .map(|point| Column { good: point.outcomes.succeeded, bad: point.outcomes.failed })
        .collect();
    let (p50, p95) = (
        points.iter().map(|point| point.p50).collect(),
        points.iter().map(|point| point.p95).collect(),
    );
    // Columns between two labels: all labels get the same room.
    let step = if range == Range::Month { 5 } else { 4 };
    let marks = points.iter().step_by(step).map(|point| short(point.from, range)).collect();
    let slots = points.iter().map(|point| slot(&page, point, range)).collect();
    view! {
        <TimeChart slots marks>
            <ColumnChart columns label=format!("Attempts over time: {sum}")/>
            <h3>"Response time"</h3>
            <LineChart lower=p50 upper=p95 unit="ms"
                label="Response time: the lower line is the median, the upper line is \
                       p95".to_owned()/>
        </TimeChart>
    }
}

/// What a period's link shows and where it leads; `None` without attempts.
fn slot(page: &str, point: &Point, range: Range) -> Option<Slot> {
    if point.outcomes.total() == 0 {
        return None;
    }
    let hours = u64::try_from(range.step()).unwrap_or(1);
    let to = point.from.after(Duration::from_secs(hours * 3600));
    let query = [("from", point.from.rfc3339()), ("to", to.rfc3339())];
    let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
    let until = short(to, range);
    Some(Slot {
        href: address(&format!("{page}/deliveries"), &query),
        title: format!("{} – {until}", short(point.from, range)),
        values: words::outcomes(&point.outcomes),
        more: point.p50.zip(point.p95).map(|(p50, p95)| words::response_time(p50, p95)),
    })
}

/// The start of a column: the hour, with the day where the range is longer than one day.
fn short(at: Timestamp, range: Range) -> String {
    let text = readers_clock().local(at);
    let (day, hour) = (text.get(5..10).unwrap_or_default(), text.get(11..16).unwrap_or_default());
    if range == Range::Day { hour.to_owned() } else { format!("{day} {hour}") }
}

/// The failed attempts by cause.
#[component]
pub fn WhyItFails(id: String, charts: Data) -> impl IntoView {
    let page = format!("/integration/hooks/{id}");
    view! {
        <section class="card" id="live-why" data-live="" aria-labelledby="why-title">
            <h2 id="why-title">"Why it fails"</h2>
            <p class="small">"Failed attempts in the last " {charts.range.words()} ". Each cause \
                leads to the events whose last attempt ended so."</p>
            <Failures page failures=charts.failures/>
        </section>
    }
}

#[component]
fn Failures(page: String, failures: Vec<(AnswerGroup, i64)>) -> impl IntoView {
    let items = failures.into_iter().map(move |(answer, times)| {
        let href = address(&format!("{page}/deliveries"), &[("answer", answer.key())]);
        view! { <li><a href=href>{answer.word()}</a> " " <span class="count">{count(times,
        "attempt")}</span></li> }
    });
    view! { <ul class="failures">{items.collect_view()}</ul> }
}

#[component]
fn PointTable(page: String, points: Vec<Point>, range: Range) -> impl IntoView {
    let millis = move |value: Option<i64>| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{} ms", grouped(value)))
    };
    let rows = points.into_iter().map(move |point| {
        let from = view! { <time datetime=point.from.rfc3339()>{short(point.from, range)}</time> };
        let from = match slot(&page, &point, range) {
            Some(Slot { href, .. }) => view! { <a href=href>{from}</a> }.into_any(),
            None => from.into_any(),
        };
        view! {
            <tr>
                <th scope="row">{from}</th>
                <td data-label="Succeeded">{grouped(point.outcomes.succeeded)}</td>
                <td data-label="Failed">{grouped(point.outcomes.failed)}</td>
                <td data-label="p50">{millis(point.p50)}</td>
                <td data-label="p95">{millis(point.p95)}</td>
            </tr>
        }
    });
    view! { <DataTable label="Attempts by time" columns=&["From", "Succeeded", "Failed", "p50",
    "p95"]>{rows.collect_view()}</DataTable> }
}
