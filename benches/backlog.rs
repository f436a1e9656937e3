//! Scenario `backlog`: one hook has a backlog of a million events, because its receiver accepts
//! connections and never responds. Measures the throughput of another hook compared with a server
//! without the backlog, the peak memory, and the time to the first delivery after `kill -9`.

use std::time::Duration;

use crate::{
    Bench, Outcome, clock,
    database::DatabaseKind,
    figures,
    helper::{self, Receiver},
    load::{LoadSpec, Pace, Shape},
    marker::CONVERSATION_ABANDONED,
    process,
    subject::{PATH, Subject, SubjectKind},
    table::{Row, Target},
};

/// The port of the receiver that hangs, and of the one that responds.
const HANGS: usize = 9;
const ANSWERS: usize = 0;
const CALLERS: usize = 64;
const BATCH: usize = 1000;
/// Events in flight for the other hook when the server is killed.
const INTERRUPTED: usize = 200;
/// Time limit for a restart.
const TIMEOUT_SECONDS: f64 = 60.0;

/// The results on one database.
struct Results {
    without: Vec<f64>,
    with: Vec<f64>,
    filled_per_second: f64,
    peak_mib: f64,
    restart_seconds: f64,
}

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let backlog = bench.backlog;
    let mut rows = [
        Row::new("deliveries/s of another hook, with no backlog", Target::None),
        Row::new(format!("  with {backlog} waiting, and ratio"), Target::AtLeast(0.95)),
        Row::new(format!("  accepted events/s in batches of {BATCH}"), Target::None),
        Row::new("  peak memory MiB", Target::AtMost(256.0)),
        Row::new(
            "  seconds from start after kill -9 to another hook's delivery",
            Target::AtMost(1.0),
        ),
    ];
    for kind in bench.kinds() {
        let found = measure_database(bench, receiver, kind).await;
        receiver.hang([]).await?;
        let found = found?;
        let ratio = figures::median(
            found.with.iter().zip(&found.without).map(|(with, without)| with / without),
        );
        rows[0].set(kind, figures::median(found.without), None);
        rows[1].set(kind, figures::median(found.with), Some(ratio));
        rows[2].set(kind, found.filled_per_second, None);
        rows[3].set(kind, found.peak_mib, None);
        rows[4].set(kind, found.restart_seconds, None);
    }
    Ok(rows.into())
}

/// Alternates between two servers, with and without a backlog. The other one is idle meanwhile.
async fn measure_database(
    bench: &Bench,
    receiver: &mut Receiver,
    kind: DatabaseKind,
) -> Outcome<Results> {
    receiver.hang([HANGS]).await?;
    let plain = Subject::start(SubjectKind::ServiceHooks(kind), &bench.recipe, receiver, 1).await?;
    let mut full =
        Subject::start(SubjectKind::ServiceHooks(kind), &bench.recipe, receiver, 1).await?;
    let filled_per_second = fill(bench, receiver, &full).await?;
    bench.progress(&format!(
        "backlog, {kind:?}: {filled_per_second:.0} events/s accepted in batches"
    ));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 1..=bench.rounds {
        for (subject, found) in [(&plain, &mut without), (&full, &mut with)] {
            subject.measure(receiver, Pace::Closed { callers: CALLERS, seconds: 0.5 }).await?;
            let measured = subject
                .measure(receiver, Pace::Closed { callers: CALLERS, seconds: bench.seconds })
                .await?;
            found.push(measured.deliveries_per_second);
        }
        bench.progress(&format!(
            "backlog, round {round}, {kind:?}: deliveries/s without {without:.0?}, with {with:.0?}"
        ));
    }
    plain.remove().await?;
    let peak_mib = process::peak_mib(full.server()?.pid()?)?;
    let restart_seconds = restart(receiver, &mut full).await?;
    bench.progress(&format!(
        "backlog, {kind:?}: peak {peak_mib:.0} MiB, first delivery {restart_seconds:.2} s after \
         start"
    ));
    let balance = full.remove().await?.ok_or("Service Hooks reports a balance")?;
    if balance.open < bench.backlog {
        return Err(format!("the backlog is gone: {}", balance.words).into());
    }
    Ok(Results { without, with, filled_per_second, peak_mib, restart_seconds })
}

/// Emits events for a hook whose receiver hangs. Returns the accepted events per second.
async fn fill(bench: &Bench, receiver: &Receiver, full: &Subject) -> Outcome<f64> {
    let server = full.server()?;
    server.hook(CONVERSATION_ABANDONED, &receiver.url(HANGS)).await?;
    let spec = LoadSpec {
        to: server.address(),
        path: PATH.to_owned(),
        token: server.token.clone(),
        event: CONVERSATION_ABANDONED.to_owned(),
        // The minimum size: the number of events matters here.
        body_bytes: 0,
        shape: Shape::Batch(BATCH),
        pace: Pace::Count { callers: 4, requests: bench.backlog.div_ceil(BATCH) },
    };
    let sent = helper::load(&spec).await?;
    Ok(figures::count(sent.accepted * BATCH) / clock::seconds(sent.first, sent.last))
}

/// Kills the server while another hook has deliveries in flight. Returns the seconds from the
/// restart to the first delivery.
async fn restart(receiver: &mut Receiver, full: &mut Subject) -> Outcome<f64> {
    receiver.hang([ANSWERS, HANGS]).await?;
    let sent = full.send(Pace::Count { callers: 8, requests: INTERRUPTED }).await?;
    full.server_mut()?.kill().await?;
    receiver.hang([HANGS]).await?;
    receiver.reset().await?;
    let started = full.server_mut()?.resume().await?;
    while receiver.count().await? < sent.accepted {
        if clock::seconds_since(started) > TIMEOUT_SECONDS {
            let arrived = receiver.count().await?;
            return Err(format!(
                "only {arrived} of {} events arrived after the restart",
                sent.accepted
            )
            .into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(clock::seconds(started, receiver.arrivals([ANSWERS]).await?.first))
}
