//! Scenario `latency`: time from emit to arrival at 200 events per second, in an open loop: events
//! are sent at fixed times, whether or not earlier ones were acknowledged. A latency is counted
//! from the scheduled time, so that a stall shows in every event that it delayed (no coordinated
//! omission).

use crate::{
    Bench, Outcome,
    helper::Receiver,
    load::Pace,
    rounds::{self, Plan},
    table::{Row, Target},
};

const RATE: f64 = 200.0;

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let warm_up = Pace::Open { rate: RATE, seconds: 1.0 };
    let pace = Pace::Open { rate: RATE, seconds: bench.seconds };
    let rounds =
        rounds::gather(bench, receiver, &Plan { name: "latency", hooks: 1, warm_up, pace }).await?;
    let label = |what: &str| format!("{what} ms, {RATE} events/s");
    Ok(vec![
        rounds::row(
            bench,
            &rounds,
            label("emit to arrival p50"),
            Target::AtMost(4.0),
            |measured| measured.arrivals.p50,
        ),
        rounds::row(
            bench,
            &rounds,
            label("emit to arrival p99"),
            Target::AtMost(2.5),
            |measured| measured.arrivals.p99,
        ),
        rounds::row(
            bench,
            &rounds,
            label("emit to acknowledgement p50"),
            Target::None,
            |measured| measured.sent.p50,
        ),
        rounds::row(
            bench,
            &rounds,
            label("emit to acknowledgement p99"),
            Target::None,
            |measured| measured.sent.p99,
        ),
    ])
}
