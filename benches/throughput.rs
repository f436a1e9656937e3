//! How many deliveries a second, from the first event sent to the last result recorded: 64 callers, bodies of 1 KB, one
//! hook an event and ten hooks an event. And how many events a second are acknowledged meanwhile.

use crate::{
    Bench, Outcome,
    helper::Receiver,
    load::Pace,
    rounds::{self, Plan},
    table::{Bar, Row},
};

const CALLERS: usize = 64;
const BAR: Bar = Bar::AtLeast(0.6);

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for (hooks, label) in [(1, "1 hook"), (10, "10 hooks")] {
        let name = format!("throughput, {label}");
        let warm_up = Pace::Closed { callers: CALLERS, seconds: 0.5 };
        let pace = Pace::Closed { callers: CALLERS, seconds: bench.seconds };
        let rounds = rounds::gather(bench, receiver, &Plan { name: &name, hooks, warm_up, pace }).await?;
        let deliveries = format!("deliveries/s, {CALLERS} callers, {label}");
        rows.push(rounds::row(bench, &rounds, deliveries, BAR, |measured| measured.deliveries_per_second));
        let events = format!("acknowledged events/s, {CALLERS} callers, {label}");
        rows.push(rounds::row(bench, &rounds, events, BAR, |measured| measured.events_per_second));
    }
    Ok(rows)
}
