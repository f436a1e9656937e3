//! Scenario `isolation`: ten hooks with ten receivers at 50 events per second. One receiver, then
//! five, accept connections and never respond. The latency of the others must hardly change, and
//! nothing may be lost.

use std::time::Duration;

use crate::{
    Bench, Outcome, clock,
    database::DatabaseKind,
    figures,
    helper::Receiver,
    load::Pace,
    subject::{Subject, SubjectKind},
    table::{Row, Target},
};

const RATE: f64 = 50.0;
const HOOKS: usize = 10;
/// How many receivers hang. The first run, with none, is the baseline.
const HANGING: [usize; 3] = [0, 1, 5];
/// Time limit for the last deliveries to arrive.
const TIMEOUT_SECONDS: f64 = 20.0;

/// The results of one run.
struct Results {
    /// From emit to arrival at the receivers that respond, in milliseconds.
    p95: f64,
    lost: usize,
}

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let mut rows = vec![
        Row::new(format!("emit to arrival p95 ms, {RATE} events/s, {HOOKS} hooks"), Target::None),
        Row::new("  with 1 of 10 hanging, and ratio", Target::AtMost(1.5)),
        Row::new("  with 5 of 10 hanging, and ratio", Target::AtMost(1.5)),
        Row::new("  deliveries lost", Target::AtMost(0.0)),
    ];
    for kind in bench.kinds() {
        let mut runs: [Vec<Results>; HANGING.len()] = Default::default();
        for round in 1..=bench.rounds {
            for (runs, hanging) in runs.iter_mut().zip(HANGING) {
                let found = measure_once(bench, receiver, kind, hanging).await;
                receiver.hang([]).await?;
                let found = found?;
                bench.progress(&format!(
                    "isolation, round {round}, {kind:?}, {hanging} of {HOOKS} hang: p95 {:.2} ms \
                     at the others, {} lost",
                    found.p95, found.lost
                ));
                runs.push(found);
            }
        }
        for (row, found) in rows.iter_mut().zip(&runs) {
            let ratios =
                found.iter().zip(&runs[0]).map(|(found, baseline)| found.p95 / baseline.p95);
            let ratio = figures::median(ratios);
            let is_baseline = std::ptr::eq(found, &runs[0]);
            row.set(
                kind,
                figures::median(found.iter().map(|found| found.p95)),
                (!is_baseline).then_some(ratio),
            );
        }
        let lost = runs.iter().flatten().map(|found| found.lost).sum();
        rows[HANGING.len()].set(kind, figures::count(lost), None);
    }
    Ok(rows)
}

async fn measure_once(
    bench: &Bench,
    receiver: &mut Receiver,
    kind: DatabaseKind,
    hanging: usize,
) -> Outcome<Results> {
    let subject =
        Subject::start(SubjectKind::ServiceHooks(kind), &bench.recipe, receiver, HOOKS).await?;
    let warm_up = subject.measure(receiver, Pace::Open { rate: RATE, seconds: 1.0 }).await?;
    receiver.hang(0..hanging).await?;
    receiver.reset().await?;
    let sent = subject.send(Pace::Open { rate: RATE, seconds: bench.isolation_seconds }).await?;
    let expected = sent.accepted * (HOOKS - hanging);
    let began = clock::now();
    while receiver.count().await? < expected && clock::seconds_since(began) < TIMEOUT_SECONDS {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let arrivals = receiver.arrivals(hanging..HOOKS).await?;
    // Deliveries to the receivers that hang are still open. The balance, checked on removal, proves
    // that they exist.
    let balance = subject.remove().await?.ok_or("Service Hooks reports a balance")?;
    let expected_accepted = (warm_up.sent.accepted + sent.accepted) * HOOKS;
    let missing = expected_accepted.saturating_sub(balance.accepted) + balance.failed;
    Ok(Results { p95: arrivals.p95, lost: expected.saturating_sub(arrivals.events) + missing })
}
