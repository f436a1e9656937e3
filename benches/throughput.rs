//! How many deliveries a second, from the first event sent to the last result recorded: 64 callers,
//! bodies of 1 KB, one hook an event and ten hooks an event. Meanwhile: how many events a second
//! are acknowledged, what processor time an event costs, and how much later than its
//! acknowledgement it arrives.

use crate::{
    Bench, Outcome,
    helper::Receiver,
    load::Pace,
    rounds::{self, Plan},
    subject::{Measured, Which},
    table::{Bar, Row},
};

const CALLERS: usize = 64;
/// Of the rate of a relay that keeps its promises on disk too.
const BESIDE_DURABLE: Bar = Bar::AtLeast(0.75);

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for (hooks, label, rate) in [(1, "1 hook", 0.5), (10, "10 hooks", 0.8)] {
        let name = format!("throughput, {label}");
        let warm_up = Pace::Closed { callers: CALLERS, seconds: 0.5 };
        let pace = Pace::Closed { callers: CALLERS, seconds: bench.seconds };
        let rounds =
            rounds::gather(bench, receiver, &Plan { name: &name, hooks, warm_up, pace }).await?;
        let label = |what: &str| format!("{what}, {CALLERS} callers, {label}");
        let (bar, on_postgres) = (Bar::AtLeast(rate), Bar::AtLeast(0.4));
        let rate = |measured: &Measured| measured.deliveries_per_second;
        rows.push(
            rounds::row(bench, &rounds, label("deliveries/s"), bar, rate).on_postgres(on_postgres),
        );
        let beside = "  beside the durable relay".to_owned();
        let durable = |measured: &Measured| Some(measured.deliveries_per_second);
        rows.push(rounds::row_beside(
            bench,
            &rounds,
            Which::Durable,
            beside,
            BESIDE_DURABLE,
            durable,
        ));
        let events = |measured: &Measured| measured.events_per_second;
        rows.push(
            rounds::row(bench, &rounds, label("acknowledged events/s"), bar, events)
                .on_postgres(on_postgres),
        );
        let cost = label("processor time us/event");
        let cpu = |measured: &Measured| measured.cpu_us_per_event;
        let row = rounds::row_beside(bench, &rounds, Which::Relay, cost, Bar::AtMost(2.2), cpu);
        // The database's own processor time is not ours there.
        rows.push(row.on_postgres(Bar::None));
        let arrival = label("arrival p50 ms, and to the answer's");
        let (arrives, answered) =
            (|measured: &Measured| measured.arrivals.p50, |measured: &Measured| measured.sent.p50);
        rows.push(rounds::row_within(
            bench,
            &rounds,
            arrival,
            Bar::AtMost(10.0),
            arrives,
            answered,
        ));
    }
    Ok(rows)
}
