//! Connections to the database are cut at random moments: no connection may be left in a broken
//! state.

use std::time::Duration;

use serde_json::json;
use service_hooks::engine::clock::Clock;

use super::{
    cluster::{Cluster, TAKEOVER_SECONDS},
    load::{Acknowledged, Load, all_arrived},
};
use crate::support::{db::TestDb, eventually, receiver::Receiver, within};

const CUTS: usize = 20;

const CUT_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_does_not_affect_later_requests() {
    let cluster = Cluster::start(TestDb::postgres().await, 2).await;
    let receiver = Receiver::start().await;
    let hooks = cluster.hooks_everywhere(&receiver, 1, json!({})).await;
    let load = Load::start(&cluster);
    for _ in 0..CUTS {
        load.wait_for(3).await;
        let _cut: Vec<(bool,)> = cluster.ask(CUT_ALL).await;
    }
    load.wait_for(20).await;
    let mut acknowledged = load.stop().await;
    // None of these may fail, whichever connection it gets.
    for number in 0..200 {
        let id = cluster.emit(number % 2).await;
        acknowledged.push(Acknowledged { id, at: Clock::System.now() });
    }
    let tally = all_arrived(&receiver, &hooks, &acknowledged).await;
    cluster.assert_balanced().await;
    eventually("no transaction is left open", async || {
        let open: Vec<(i64,)> = cluster
            .ask(
                "SELECT COUNT(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
            )
            .await;
        (open[0].0 == 0).then_some(())
    })
    .await;
    eprintln!(
        "{CUTS} cuts, {} acknowledged, 0 lost, {} repeated",
        acknowledged.len(),
        tally.duplicates
    );
    assert_eq!(tally.duplicates, 0, "no server ended: results are recorded on the next connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unresponsive_database_connection_is_abandoned() {
    let cluster = Cluster::start(TestDb::postgres().await, 1).await;
    let receiver = Receiver::start().await;
    let hooks = cluster.hooks_everywhere(&receiver, 1, json!({})).await;
    // The PostgreSQL backends of the heartbeat and the writer, frozen as if their machine had
    // vanished.
    let frozen: Vec<(i32,)> = cluster
        .ask(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> \
             pg_backend_pid()
             AND (query LIKE 'WITH t AS MATERIALIZED%' OR query = 'COMMIT')",
        )
        .await;
    assert!(!frozen.is_empty());
    let signal = |name: &str| {
        let pids = frozen.iter().map(|(pid,)| pid.to_string());
        assert!(
            std::process::Command::new("kill").arg(name).args(pids).status().unwrap().success()
        );
    };
    signal("-STOP");
    let load = Load::start(&cluster);
    let watch = Clock::System.stopwatch();
    let went_on =
        tokio::time::timeout(Duration::from_secs(3 * TAKEOVER_SECONDS), load.wait_for(30)).await;
    let silent = watch.elapsed();
    signal("-CONT");
    assert!(went_on.is_ok(), "no further event was accepted");
    within(TAKEOVER_SECONDS, "it has its lanes", async || {
        let owners = cluster.owners().await;
        hooks.keys().all(|hook| owners.contains_key(hook)).then_some(())
    })
    .await;
    let acknowledged = load.stop().await;
    all_arrived(&receiver, &hooks, &acknowledged).await;
    cluster.assert_balanced().await;
    eprintln!("at work again after {silent:?}");
}
