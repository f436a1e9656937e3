//! The same measurement of every subject in turn, several times over: what disturbs the machine
//! disturbs neighbours alike, and the median forgets the worst of it.

use crate::{
    Bench, Outcome, figures,
    helper::Receiver,
    load::Pace,
    subject::{Measured, Subject, Which},
    table::{Bar, Row},
};

/// One measurement of each subject.
pub type Round = Vec<(Which, Measured)>;

/// What is repeated.
pub struct Plan<'a> {
    pub name: &'a str,
    /// Hooks, and so deliveries, an event has.
    pub hooks: usize,
    /// Before it counts: connections are opened, statements prepared.
    pub warm_up: Pace,
    pub pace: Pace,
}

pub async fn gather(
    bench: &Bench,
    receiver: &mut Receiver,
    plan: &Plan<'_>,
) -> Outcome<Vec<Round>> {
    let mut rounds = Vec::new();
    for number in 1..=bench.rounds {
        let mut round = Vec::new();
        for which in bench.subjects() {
            let subject = Subject::start(which, &bench.recipe, receiver, plan.hooks).await?;
            subject.measure(receiver, plan.warm_up).await?;
            let measured = subject.measure(receiver, plan.pace).await?;
            subject.remove().await?;
            let Measured {
                events_per_second,
                deliveries_per_second,
                cpu_us_per_event,
                sent,
                arrivals,
            } = &measured;
            let cpu = cpu_us_per_event
                .map(|cpu| format!(", {cpu:.0} us of processor time an event"))
                .unwrap_or_default();
            bench.progress(&format!(
                "{}, round {number}, {which:?}: {deliveries_per_second:.0} deliveries/s, \
                 {events_per_second:.0} events/s (answer p50 {:.2} p99 {:.2} ms), arrival p50 \
                 {:.2} p95 {:.2} p99 {:.2} ms{cpu}",
                plan.name, sent.p50, sent.p99, arrivals.p50, arrivals.p95, arrivals.p99
            ));
            round.push((which, measured));
        }
        rounds.push(round);
    }
    Ok(rounds)
}

/// The medians of the rounds, and the median of each round's own ratio to the relay.
pub fn row(
    bench: &Bench,
    rounds: &[Round],
    measure: String,
    bar: Bar,
    of: impl Fn(&Measured) -> f64,
) -> Row {
    row_beside(bench, rounds, Which::Relay, measure, bar, |measured| Some(of(measured)))
}

/// The same with another yardstick. What a subject does not have is left out.
pub fn row_beside(
    bench: &Bench,
    rounds: &[Round],
    yardstick: Which,
    measure: String,
    bar: Bar,
    of: impl Fn(&Measured) -> Option<f64>,
) -> Row {
    let values = |which: Which| {
        let found = rounds.iter().flatten().filter(move |(measured, _)| *measured == which);
        found.filter_map(|(_, measured)| of(measured)).collect::<Vec<f64>>()
    };
    let middle =
        |which: Which| Some(values(which)).filter(|values| !values.is_empty()).map(figures::median);
    let limits = values(yardstick);
    let mut row = Row::new(measure, bar);
    (row.bare, row.relay, row.durable) =
        (middle(Which::Bare), middle(Which::Relay), middle(Which::Durable));
    for kind in bench.kinds() {
        let ours = values(Which::Ours(kind));
        let ratios = ours.iter().zip(&limits).map(|(ours, limit)| ours / limit);
        row.set(kind, figures::median(ours.iter().copied()), Some(figures::median(ratios)));
    }
    row
}

/// The medians of one measure, and of its ratio to another one of the same subject and round.
pub fn row_within(
    bench: &Bench,
    rounds: &[Round],
    measure: String,
    bar: Bar,
    of: impl Fn(&Measured) -> f64,
    to: impl Fn(&Measured) -> f64,
) -> Row {
    let mut row = row(bench, rounds, measure, bar, &of);
    for kind in bench.kinds() {
        let found = rounds.iter().flatten().filter(|(which, _)| *which == Which::Ours(kind));
        let (values, ratios): (Vec<f64>, Vec<f64>) =
            found.map(|(_, measured)| (of(measured), of(measured) / to(measured))).unzip();
        row.set(kind, figures::median(values), Some(figures::median(ratios)));
    }
    row
}
