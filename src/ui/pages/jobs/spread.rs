//! When the events to redeliver were accepted: a chart and its table.

use leptos::prelude::*;

use crate::{
    domain::{delivery::State, job::Spread, time::Timestamp, words::grouped},
    ui::widgets::{
        chart::{Column, ColumnChart},
        datetime::{ExactDateTime, readers_clock},
        table::DataTable,
    },
};

/// The chart with one column per slice, and the same numbers as a table.
#[component]
pub fn SpreadChart(spread: Spread) -> impl IntoView {
    let Spread { hours, slices, ends } = spread;
    let each = match hours {
        1 => "hour".to_owned(),
        24 => "day".to_owned(),
        more => format!("{} days", more / 24),
    };
    let failed = |at: usize| slices[at].1.of_state(State::Failed);
    let columns: Vec<Column> = (0..slices.len())
        .map(|at| Column { good: slices[at].1.total() - failed(at), bad: failed(at) })
        .collect();
    // Axis labels at equal distances: the number of labels divides the number of columns.
    let parts = [4, 5, 6, 3, 7, 2]
        .into_iter()
        .find(|parts| slices.len().is_multiple_of(*parts))
        .unwrap_or(1);
    let step = (slices.len() / parts).max(1);
    let is_one_day = hours == 1 && slices.len() <= 26;
    let marks = slices.iter().step_by(step).map(|(from, _)| mark(*from, is_one_day)).collect();
    let rows = slices.iter().zip(&columns).filter(|(_, column)| column.good + column.bad > 0).map(
        |((from, _), column)| {
            view! {
                <tr>
                    <th scope="row"><time datetime=from.rfc3339()>{short(*from, hours)}</time></th>
                    <td data-label="Failed">{grouped(column.bad)}</td>
                    <td data-label="Other">{grouped(column.good)}</td>
                </tr>
            }
        },
    );
    let rows = rows.collect_view();
    view! {
        {ends.map(|(oldest, newest)| view! { <p>"Oldest: " <ExactDateTime
            at=oldest/> ". Newest: " <ExactDateTime at=newest/> "."</p> })}
        <h3>"By " {each.clone()}</h3>
        <ColumnChart columns marks label=format!("Deliveries by {each} of acceptance, \
            failed ones hatched")/>
        <p class="hint">"Hatched: failed. Plain: skipped, cancelled or delivered."</p>
        <details>
            <summary>"Show as table"</summary>
            <DataTable label="Events to redeliver, by time" columns=&["From", "Failed",
                "Other"]>{rows}</DataTable>
        </details>
    }
}

/// A short axis label: `14:00` or `11-22`.
fn mark(at: Timestamp, is_one_day: bool) -> String {
    let part = if is_one_day { 11..16 } else { 5..10 };
    readers_clock().local(at).get(part).unwrap_or_default().to_owned()
}

/// The start of a time slice in the reader's time zone.
fn short(at: Timestamp, hours: i64) -> String {
    let text = readers_clock().local(at);
    let (day, hour) = (text.get(5..10).unwrap_or_default(), text.get(11..16).unwrap_or_default());
    if hours == 1 { format!("{day} {hour}") } else { day.to_owned() }
}
