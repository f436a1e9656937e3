//! A server that freezes for longer than its lease and wakes up: a paused machine, a debugger, a
//! swapping host. Its late results change nothing, and it sends nothing from lanes that it has
//! lost.

use serde_json::json;
use service_hooks::engine::clock::Clock;

use super::{
    cluster::{Cluster, TAKEOVER_SECONDS},
    load::{Load, all_arrived},
};
use crate::support::{
    db::TestDb,
    receiver::{Receiver, Reply},
    within,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_result_is_rejected_and_a_late_delivery_is_not_sent() {
    let cluster = Cluster::start(TestDb::postgres().await, 2).await;
    let receiver = Receiver::start().await;
    // One at a time: the other deliveries wait in the frozen server's memory.
    cluster.hooks_everywhere(&receiver, 1, json!({"in_flight": 1, "enabled": false})).await;
    let (sleeper, other) = (&cluster.nodes[0], &cluster.nodes[1]);
    let hook = *cluster.hooks_of(sleeper.id).await.iter().next().unwrap();
    let (status, _) =
        cluster.api(1, "PATCH", &format!("/hooks/{hook}"), json!({"enabled": true})).await;
    assert_eq!(status, 200);
    receiver.reply([Reply::held()]);
    let mut events = Vec::new();
    for _ in 0..6 {
        events.push(cluster.emit(1).await);
    }
    receiver.wait_for(1).await;

    sleeper.server.signal("STOP");
    let watch = Clock::System.stopwatch();
    within(TAKEOVER_SECONDS, "the other delivers everything", async || {
        (receiver.came().len() == events.len() + 1).then_some(())
    })
    .await;
    let taken_over = watch.elapsed();
    receiver.release();
    sleeper.server.signal("CONT");
    within(10, "the late result is refused", async || {
        sleeper.log().contains("a late result was discarded").then_some(())
    })
    .await;
    within(10, "it works again, under a new lease", async || {
        (cluster.owners().await.get(&hook) == Some(&sleeper.id)).then_some(())
    })
    .await;
    events.push(cluster.emit(0).await);
    within(10, "it delivers", async || (receiver.came().len() > events.len()).then_some(())).await;
    cluster.assert_balanced().await;

    eprintln!("taken over after {taken_over:?}");
    let arrivals = receiver.arrivals();
    assert_eq!(
        receiver.came().len(),
        events.len() + 1,
        "it sent under its old lease: {arrivals:?}"
    );
    let attempts: Vec<(i64, i64)> =
        cluster.ask("SELECT COUNT(*), COUNT(DISTINCT delivery_id) FROM attempts").await;
    assert_eq!(attempts, [(7, 7)], "each delivery has one recorded attempt");
    let states: Vec<(String, i64)> = cluster
        .ask("SELECT state, COUNT(*) FROM deliveries WHERE state <> 'skipped' GROUP BY state")
        .await;
    assert_eq!(states, [("delivered".to_owned(), 7)]);
    assert!(!other.log().contains("was discarded"), "{}", other.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_frozen_under_load_does_not_block_others() {
    let mut cluster = Cluster::start(TestDb::postgres().await, 2).await;
    let receiver = Receiver::start().await;
    let hooks = cluster.hooks_everywhere(&receiver, 2, json!({})).await;
    let load = Load::start(&cluster);
    load.wait_for(40).await;
    let frozen = cluster.nodes.swap_remove(0);
    frozen.server.signal("STOP");
    let (watch, at) = (Clock::System.stopwatch(), Clock::System.now());
    load.set_servers(&cluster);
    // It may have been frozen inside a transaction.
    within(TAKEOVER_SECONDS, "the other has all lanes", async || {
        let owners = cluster.owners().await;
        hooks.keys().all(|hook| owners.get(hook) == Some(&cluster.nodes[0].id)).then_some(())
    })
    .await;
    let taken_over = watch.elapsed();
    load.wait_for(20).await;
    frozen.server.signal("CONT");
    within(10, "it has lanes again", async || {
        (!cluster.hooks_of(frozen.id).await.is_empty()).then_some(())
    })
    .await;
    cluster.nodes.push(frozen);
    load.set_servers(&cluster);
    load.wait_for(40).await;
    let acknowledged = load.stop().await;
    let tally = all_arrived(&receiver, &hooks, &acknowledged).await;
    cluster.assert_balanced().await;

    let after: Vec<i64> =
        acknowledged.iter().map(|event| event.at.0).filter(|time| *time > at.0).collect();
    let mut times = [vec![at.0], after].concat();
    times.sort_unstable();
    let gap = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    // Its locks are released after five seconds.
    eprintln!(
        "taken over after {taken_over:?}, {} repeats, longest time without a 202: {gap} ms",
        tally.duplicates
    );
    assert!(
        tally.duplicates <= cluster.nodes[0].settings.delivery.in_flight,
        "{} repeats",
        tally.duplicates
    );
}
