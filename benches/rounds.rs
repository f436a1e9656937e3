//! Repeats a measurement for all subjects in turn. A disturbance of the machine affects
//! neighbouring measurements alike, and the median removes outliers.

use crate::{
    Bench, Outcome, figures,
    helper::Receiver,
    load::Pace,
    subject::{Measured, Subject, SubjectKind},
    table::{Row, Target},
};

/// One measurement of each subject.
pub type Round = Vec<(SubjectKind, Measured)>;

/// The measurement to repeat.
pub struct Plan<'a> {
    pub name: &'a str,
    /// Hooks, and therefore deliveries, per event.
    pub hooks: usize,
    /// Load before the measurement, to open connections and prepare statements.
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
                .map(|cpu| format!(", {cpu:.0} us of CPU time per event"))
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

/// A row with the medians of all rounds, and the median of each round's ratio to the relay.
pub fn row(
    bench: &Bench,
    rounds: &[Round],
    measure: String,
    target: Target,
    of: impl Fn(&Measured) -> f64,
) -> Row {
    row_compared_with(bench, rounds, SubjectKind::Relay, measure, target, |measured| {
        Some(of(measured))
    })
}

/// The same with another baseline. Subjects without the measure are left out.
pub fn row_compared_with(
    bench: &Bench,
    rounds: &[Round],
    baseline: SubjectKind,
    measure: String,
    target: Target,
    of: impl Fn(&Measured) -> Option<f64>,
) -> Row {
    let values = |which: SubjectKind| {
        let found = rounds.iter().flatten().filter(move |(measured, _)| *measured == which);
        found.filter_map(|(_, measured)| of(measured)).collect::<Vec<f64>>()
    };
    let median_of = |which: SubjectKind| {
        Some(values(which)).filter(|values| !values.is_empty()).map(figures::median)
    };
    let baselines = values(baseline);
    let mut row = Row::new(measure, target);
    (row.bare, row.relay, row.durable) = (
        median_of(SubjectKind::Bare),
        median_of(SubjectKind::Relay),
        median_of(SubjectKind::Durable),
    );
    for kind in bench.kinds() {
        let ours = values(SubjectKind::ServiceHooks(kind));
        let ratios = ours.iter().zip(&baselines).map(|(ours, baseline)| ours / baseline);
        row.set(kind, figures::median(ours.iter().copied()), Some(figures::median(ratios)));
    }
    row
}

/// A row with the medians of one measure, and of its ratio to another measure of the same run.
pub fn row_within(
    bench: &Bench,
    rounds: &[Round],
    measure: String,
    target: Target,
    of: impl Fn(&Measured) -> f64,
    to: impl Fn(&Measured) -> f64,
) -> Row {
    let mut row = row(bench, rounds, measure, target, &of);
    for kind in bench.kinds() {
        let found =
            rounds.iter().flatten().filter(|(which, _)| *which == SubjectKind::ServiceHooks(kind));
        let (values, ratios): (Vec<f64>, Vec<f64>) =
            found.map(|(_, measured)| (of(measured), of(measured) / to(measured))).unzip();
        row.set(kind, figures::median(values), Some(figures::median(ratios)));
    }
    row
}
