//! Scenario `throughput`: deliveries per second, from the first event sent to the last result
//! recorded, with 64 callers, payloads of 1 KB, one and ten hooks per event. Also measures the
//! acknowledged events per second, the CPU time per event, and how much later than its
//! acknowledgement an event arrives.

use crate::{
    Bench, Outcome,
    helper::Receiver,
    load::Pace,
    rounds::{self, Plan},
    subject::{Measured, SubjectKind},
    table::{Row, Target},
};

const CALLERS: usize = 64;
/// Minimum ratio to the durable relay, which also syncs to disk.
const DURABLE_TARGET: Target = Target::AtLeast(0.75);

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for (hooks, label, rate) in [(1, "1 hook", 0.5), (10, "10 hooks", 0.8)] {
        let name = format!("throughput, {label}");
        let warm_up = Pace::Closed { callers: CALLERS, seconds: 0.5 };
        let pace = Pace::Closed { callers: CALLERS, seconds: bench.seconds };
        let rounds =
            rounds::gather(bench, receiver, &Plan { name: &name, hooks, warm_up, pace }).await?;
        let label = |what: &str| format!("{what}, {CALLERS} callers, {label}");
        let (target, on_postgres) = (Target::AtLeast(rate), Target::AtLeast(0.4));
        let rate = |measured: &Measured| measured.deliveries_per_second;
        rows.push(
            rounds::row(bench, &rounds, label("deliveries/s"), target, rate)
                .on_postgres(on_postgres),
        );
        let durable_label = "  compared with the durable relay".to_owned();
        let durable = |measured: &Measured| Some(measured.deliveries_per_second);
        rows.push(rounds::row_compared_with(
            bench,
            &rounds,
            SubjectKind::Durable,
            durable_label,
            DURABLE_TARGET,
            durable,
        ));
        let events = |measured: &Measured| measured.events_per_second;
        rows.push(
            rounds::row(bench, &rounds, label("acknowledged events/s"), target, events)
                .on_postgres(on_postgres),
        );
        let cost = label("CPU time us/event");
        let cpu = |measured: &Measured| measured.cpu_us_per_event;
        let row = rounds::row_compared_with(
            bench,
            &rounds,
            SubjectKind::Relay,
            cost,
            Target::AtMost(2.2),
            cpu,
        );
        // With PostgreSQL, a part of the CPU time is in the database's processes.
        rows.push(row.on_postgres(Target::None));
        let arrival = label("arrival p50 ms, and ratio to the response");
        let (arrives, answered) =
            (|measured: &Measured| measured.arrivals.p50, |measured: &Measured| measured.sent.p50);
        rows.push(rounds::row_within(
            bench,
            &rounds,
            arrival,
            Target::AtMost(10.0),
            arrives,
            answered,
        ));
    }
    Ok(rows)
}
