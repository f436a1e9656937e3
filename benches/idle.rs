//! Scenario `idle`: CPU usage and memory of a server with fifty hooks and no events.

use std::time::Duration;

use crate::{
    Bench, Outcome, clock,
    database::DatabaseKind,
    helper::Receiver,
    load::Pace,
    process,
    subject::{Subject, SubjectKind},
    table::{Row, Target},
};

const HOOKS: usize = 50;
/// Time after the last delivery until the server counts as idle.
const SETTLE: Duration = Duration::from_secs(5);
/// Length of the measurement.
const MEASURE: Duration = Duration::from_secs(20);

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let mut rows = [
        Row::new(format!("idle with {HOOKS} hooks: % of a core"), Target::AtMost(0.5)),
        Row::new("  resident MiB", Target::AtMost(64.0)),
    ];
    for kind in bench.kinds() {
        let (share, resident) = measure_database(bench, receiver, kind).await?;
        bench.progress(&format!("idle, {kind:?}: {share:.2} % of a core, {resident:.1} MiB"));
        rows[0].set(kind, share, None);
        rows[1].set(kind, resident, None);
    }
    Ok(rows.into())
}

async fn measure_database(
    bench: &Bench,
    receiver: &mut Receiver,
    kind: DatabaseKind,
) -> Outcome<(f64, f64)> {
    let subject =
        Subject::start(SubjectKind::ServiceHooks(kind), &bench.recipe, receiver, HOOKS).await?;
    receiver.reset().await?;
    // One event for all hooks first, so that all lanes are loaded.
    subject.send(Pace::Count { callers: 1, requests: 1 }).await?;
    let began = clock::now();
    while receiver.all_arrivals().await?.requests < HOOKS {
        if clock::seconds_since(began) > 20.0 {
            return Err("one event did not reach all hooks".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(SETTLE).await;
    let pid = subject.server()?.pid()?;
    let (start, before) = (clock::now(), process::cpu_seconds(pid)?);
    tokio::time::sleep(MEASURE).await;
    let used = process::cpu_seconds(pid)? - before;
    let share = used / clock::seconds_since(start) * 100.0;
    let resident = process::resident_mib(pid)?;
    subject.remove().await?;
    Ok((share, resident))
}
