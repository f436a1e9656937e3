//! Ten hooks with ten receivers at 50 events a second; one of them, then five, accept connections
//! and never answer. The others must hardly notice, and nothing may be lost.

use std::time::Duration;

use crate::{
    Bench, Outcome, clock,
    database::Kind,
    figures,
    helper::Receiver,
    load::Pace,
    subject::{Subject, Which},
    table::{Bar, Row},
};

const RATE: f64 = 50.0;
const HOOKS: usize = 10;
/// How many of the receivers hang; none comes first, as the measure of the others.
const HANGING: [usize; 3] = [0, 1, 5];
/// How long the last ones may be under way.
const PATIENCE: f64 = 20.0;

/// What became of one run.
struct Found {
    /// From emit to arrival at those that answer, in milliseconds.
    p95: f64,
    lost: usize,
}

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let mut rows = vec![
        Row::new(format!("emit to arrival p95 ms, {RATE} events/s, {HOOKS} hooks"), Bar::None),
        Row::new("  where 1 of 10 hangs, and to all answering", Bar::AtMost(1.5)),
        Row::new("  where 5 of 10 hang, and to all answering", Bar::AtMost(1.5)),
        Row::new("  deliveries lost", Bar::AtMost(0.0)),
    ];
    for kind in bench.kinds() {
        let mut runs: [Vec<Found>; HANGING.len()] = Default::default();
        for round in 1..=bench.rounds {
            for (runs, hanging) in runs.iter_mut().zip(HANGING) {
                let found = once(bench, receiver, kind, hanging).await;
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

async fn once(
    bench: &Bench,
    receiver: &mut Receiver,
    kind: Kind,
    hanging: usize,
) -> Outcome<Found> {
    let subject = Subject::start(Which::Ours(kind), &bench.recipe, receiver, HOOKS).await?;
    let warm = subject.measure(receiver, Pace::Open { rate: RATE, seconds: 1.0 }).await?;
    receiver.hang(0..hanging).await?;
    receiver.reset().await?;
    let sent = subject.send(Pace::Open { rate: RATE, seconds: bench.isolation_seconds }).await?;
    let expected = sent.accepted * (HOOKS - hanging);
    let began = clock::now();
    while receiver.count().await? < expected && clock::seconds_since(began) < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let arrivals = receiver.arrivals(hanging..HOOKS).await?;
    // What hangs is still open: the balance, checked on removal, says that it is there.
    let books = subject.remove().await?.ok_or("Service Hooks keeps books")?;
    let entered = (warm.sent.accepted + sent.accepted) * HOOKS;
    let missing = entered.saturating_sub(books.accepted) + books.failed;
    Ok(Found { p95: arrivals.p95, lost: expected.saturating_sub(arrivals.events) + missing })
}
