//! From emit to arrival, at 200 events a second that are sent at their times whether or not earlier
//! ones were answered. A latency counts from the time an event was to be sent, so that a stall
//! shows in all it delayed.

use crate::{
    Bench, Outcome,
    helper::Receiver,
    load::Pace,
    rounds::{self, Plan},
    table::{Bar, Row},
};

const RATE: f64 = 200.0;

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let warm_up = Pace::Open { rate: RATE, seconds: 1.0 };
    let pace = Pace::Open { rate: RATE, seconds: bench.seconds };
    let rounds =
        rounds::gather(bench, receiver, &Plan { name: "latency", hooks: 1, warm_up, pace }).await?;
    let label = |what: &str| format!("{what} ms, {RATE} events/s");
    Ok(vec![
        rounds::row(bench, &rounds, label("emit to arrival p50"), Bar::AtMost(4.0), |measured| {
            measured.arrivals.p50
        }),
        rounds::row(bench, &rounds, label("emit to arrival p99"), Bar::AtMost(2.5), |measured| {
            measured.arrivals.p99
        }),
        rounds::row(bench, &rounds, label("emit to answer p50"), Bar::None, |measured| {
            measured.sent.p50
        }),
        rounds::row(bench, &rounds, label("emit to answer p99"), Bar::None, |measured| {
            measured.sent.p99
        }),
    ])
}
