//! What a hook did over a range of time: columns, how long it took, what failed. Each chart has its
//! numbers in a table.

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
        chart::{Column, ColumnChart, LineChart},
        datetime::readers_clock,
        table::DataTable,
    },
    view::hooks::{Charts as Data, Point},
};

#[component]
pub fn Charts(id: String, charts: Data) -> impl IntoView {
    let Data { range, points, failures, skipped, outcomes, p50, p95 } = charts;
    let page = format!("/integration/hooks/{id}");
    let sum =
        format!("{} succeeded, {} failed", grouped(outcomes.succeeded), grouped(outcomes.failed));
    let skipped = (skipped > 0).then(|| {
        let href = address(&format!("{page}/deliveries"), &[("state", "skipped")]);
        view! { ", " <a href=href>{count_to(skipped, MANY, "event")} " skipped"</a> }
    });
    let has_any = outcomes.total() > 0;
    let csv = format!("{page}/measured.csv?range={}", range.key());
    let took = p50.zip(p95).map(|(p50, p95)| {
        format!(
            "Half of the attempts took at most {} ms, 95 % at most {} ms.",
            grouped(p50),
            grouped(p95)
        )
    });
    view! {
        <section class="card" aria-labelledby="attempts-title">
            <div class="heading">
                <h2 id="attempts-title">"Attempts, last " {range.words()}</h2>
                <Ranges page=page.clone() range/>
            </div>
            {if has_any {
                view! { <Drawn points=points.clone() range sum=sum.clone()/> }.into_any()
            } else {
                view! { <p class="empty">"Nothing was sent in the \
                    last " {range.words()} "."</p> }.into_any()
            }}
            <p>{sum} {skipped} "." " " {took}</p>
            {(!failures.is_empty()).then(|| view! { <Failures page failures/> })}
            {has_any.then(|| view! {
                <details>
                    <summary>"Show as table"</summary>
                    <PointTable points range/>
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
    view! { <nav class="ranges" aria-label="Range">{links.collect_view()}</nav> }
}

/// The two pictures, with the same columns.
#[component]
fn Drawn(points: Vec<Point>, range: Range, sum: String) -> impl IntoView {
    let columns = points
        .iter()
        .map(|point| Column { good: point.outcomes.succeeded, bad: point.outcomes.failed })
        .collect();
    let (p50, p95) = (
        points.iter().map(|point| point.p50).collect(),
        points.iter().map(|point| point.p95).collect(),
    );
    // Four marks, each at the beginning of a quarter.
    let step = (points.len() / 4).max(1);
    let marks = points.iter().step_by(step).map(|point| short(point.from, range)).collect();
    view! {
        <ColumnChart columns marks label=format!("Attempts by time: {sum}")/>
        <h3>"How long they took"</h3>
        <LineChart lower=p50 upper=p95 unit="ms" marks=Vec::new()
            label="Half of the attempts stayed below the lower line, 95 % below the \
                   upper".to_owned()/>
    }
}

/// A column's beginning: the hour, and the day where the range is longer than one.
fn short(at: Timestamp, range: Range) -> String {
    let text = readers_clock().local(at);
    let (day, hour) = (text.get(5..10).unwrap_or_default(), text.get(11..16).unwrap_or_default());
    if range == Range::Day { hour.to_owned() } else { format!("{day} {hour}") }
}

#[component]
fn Failures(page: String, failures: Vec<(AnswerGroup, i64)>) -> impl IntoView {
    let items = failures.into_iter().map(move |(answer, times)| {
        let href = address(&format!("{page}/deliveries"), &[("answer", answer.key())]);
        view! { <li><a href=href>{answer.word()}</a> " " <span class="count">{count(times,
        "attempt")}</span></li> }
    });
    view! { <h3>"What failed"</h3> <ul class="failures">{items.collect_view()}</ul> }
}

#[component]
fn PointTable(points: Vec<Point>, range: Range) -> impl IntoView {
    let millis = move |value: Option<i64>| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{} ms", grouped(value)))
    };
    let rows = points.into_iter().map(move |point| {
        view! {
            <tr>
                <th scope="row"><time datetime=point.from.rfc3339()>{short(point.from,
                    range)}</time></th>
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
