//! A hook with a million waiting events: its receiver accepts and never answers. Measured beside a
//! server without it: the other hooks' throughput, the memory; and after `kill -9` how soon another
//! hook gets its first delivery.

use std::time::Duration;

use crate::{
    Bench, Outcome, clock,
    database::Kind,
    figures,
    helper::{self, Receiver},
    load::{Order, Pace, Shape},
    marker::CONVERSATION_ABANDONED,
    process,
    subject::{PATH, Subject, Which},
    table::{Bar, Row},
};

/// The receiver's port that hangs, and the one that does not.
const HANGS: usize = 9;
const ANSWERS: usize = 0;
const CALLERS: usize = 64;
const BATCH: usize = 1000;
/// Events that wait for the other hook when the server is killed.
const INTERRUPTED: usize = 200;
/// How long a restart may take before it is given up.
const PATIENCE: f64 = 60.0;

/// What was measured on one database.
struct Found {
    without: Vec<f64>,
    with: Vec<f64>,
    filled_per_second: f64,
    peak_mib: f64,
    restart_seconds: f64,
}

pub async fn run(bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    let waiting = bench.backlog;
    let mut rows = [
        Row::new(format!("deliveries/s of another hook, without {waiting} waiting"), Bar::None),
        Row::new("  with them, and to without", Bar::AtLeast(0.95)),
        Row::new(format!("  accepted events/s in batches of {BATCH}"), Bar::None),
        Row::new("  peak memory MiB", Bar::AtMost(256.0)),
        Row::new("  seconds from start after kill -9 to another hook's delivery", Bar::AtMost(1.0)),
    ];
    for kind in bench.kinds() {
        let found = on(bench, receiver, kind).await;
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

/// Two servers, asked in turn: one is full, one is not. The one that is not asked has nothing to
/// do.
async fn on(bench: &Bench, receiver: &mut Receiver, kind: Kind) -> Outcome<Found> {
    receiver.hang([HANGS]).await?;
    let plain = Subject::start(Which::Ours(kind), &bench.recipe, receiver, 1).await?;
    let mut full = Subject::start(Which::Ours(kind), &bench.recipe, receiver, 1).await?;
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
    let books = full.remove().await?.ok_or("Service Hooks keeps books")?;
    if books.open < bench.backlog {
        return Err(format!("the backlog went away: {}", books.words).into());
    }
    Ok(Found { without, with, filled_per_second, peak_mib, restart_seconds })
}

/// Emits events for a hook whose receiver hangs. Says how many a second were accepted.
async fn fill(bench: &Bench, receiver: &Receiver, full: &Subject) -> Outcome<f64> {
    let server = full.server()?;
    server.hook(CONVERSATION_ABANDONED, &receiver.url(HANGS)).await?;
    let order = Order {
        to: server.address(),
        path: PATH.to_owned(),
        token: server.token.clone(),
        event: CONVERSATION_ABANDONED.to_owned(),
        // As short as it may be: it is the number that is measured.
        body_bytes: 0,
        shape: Shape::Batch(BATCH),
        pace: Pace::Count { callers: 4, requests: bench.backlog.div_ceil(BATCH) },
    };
    let sent = helper::load(&order).await?;
    Ok(figures::count(sent.accepted * BATCH) / clock::seconds(sent.first, sent.last))
}

/// Kills the server while another hook has events under way, and says how long after its new start
/// the first arrives.
async fn restart(receiver: &mut Receiver, full: &mut Subject) -> Outcome<f64> {
    receiver.hang([ANSWERS, HANGS]).await?;
    let sent = full.send(Pace::Count { callers: 8, requests: INTERRUPTED }).await?;
    full.server_mut()?.kill().await?;
    receiver.hang([HANGS]).await?;
    receiver.reset().await?;
    let started = full.server_mut()?.resume().await?;
    while receiver.count().await? < sent.accepted {
        if clock::seconds_since(started) > PATIENCE {
            let came = receiver.count().await?;
            return Err(
                format!("only {came} of {} events came after the restart", sent.accepted).into()
            );
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(clock::seconds(started, receiver.arrivals([ANSWERS]).await?.first))
}
