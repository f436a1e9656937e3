//! A delivery in the list, in one line: when, what, to whom, and how it ended.

use leptos::prelude::*;

use super::{Outcome, short_id};
use crate::{
    domain::{preferences::Clockface, time::Timestamp, words::grouped},
    ui::widgets::datetime::readers_clock,
    view::{log::LogRow, words::deliveries as words},
};

/// A row. The checkbox belongs to the form that redelivers the selected rows. `shows_date`: the row
/// above is of another day.
#[component]
pub fn Row(
    row: LogRow,
    now: Timestamp,
    may_replay: bool,
    is_global: bool,
    shows_date: bool,
    suffix: String,
) -> impl IntoView {
    let LogRow { delivery, hook, refused } = row;
    let clock = readers_clock();
    let id = delivery.id.to_string();
    let hook_page = format!("/integration/hooks/{}", delivery.hook_id);
    let href = format!("{hook_page}/deliveries/{id}{suffix}");
    let event = delivery.event_type.name();
    let short = short_id(&delivery.event_id.to_string());
    // An event has a delivery for each of its hooks, so its id alone does not identify a row.
    let name =
        if is_global { format!("{event} to {hook}, {short}") } else { format!("{event}, {short}") };
    let (at, exact) = (delivery.created_at, clock.exact(delivery.created_at));
    let duration = delivery.last_duration_ms.map(|millis| format!("{} ms", grouped(millis)));
    let live = |part: &str| format!("live-{part}-{id}");
    view! {
        <tr id=format!("row-{id}")>
            {may_replay.then(|| view! {
                <td class="pick"><input type="checkbox" name="id" value=id.clone()
                    id=live("pick") data-live="" form="chosen" disabled=refused.is_some()
                    title=refused aria-label=format!("Select {name}")/></td>
            })}
            <td data-label="Accepted" class="when">
                {shows_date.then(|| view! { <span class="day">{clock.date(at)} " "</span> })}
                <time class="exact" datetime=at.rfc3339() title=exact>{time_of_day(&*clock, at)}
                </time>
            </td>
            <th scope="row"><a href=href aria-label=name.clone()>{event}</a></th>
            {is_global.then(|| view! { <td data-label="Hook" class="one-line"><a
                href=hook_page title=hook.clone()>{hook.clone()}</a></td> })}
            <td data-label="Result" class="one-line" id=live("result") data-live="">
                <Outcome delivery=delivery.clone()/>
                <span class="muted">{format!(" {}", words::result(&delivery, now))}</span>
            </td>
            <td data-label="Attempts" class="end spare" id=live("attempts")
                data-live="">{delivery.attempts}</td>
            <td data-label="Duration" class="end spare" id=live("duration")
                data-live="">{duration}</td>
        </tr>
    }
}

/// The time without its date and zone: `14:03:11`, `2:03:11 pm`.
fn time_of_day(clock: &dyn Clockface, at: Timestamp) -> String {
    let exact = clock.exact(at);
    let mut words = exact.split(' ').skip(1);
    let time = words.next().unwrap_or_default();
    match words.next() {
        Some(half @ ("am" | "pm")) => format!("{time} {half}"),
        _ => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::preferences::Utc;

    #[test]
    fn a_row_shows_the_time_of_the_readers_clock() {
        assert_eq!(time_of_day(&Utc, Timestamp(1_646_725_187_605)), "07:39:47");
    }
}
