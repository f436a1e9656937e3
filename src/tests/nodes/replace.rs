//! A server that starts after another was killed takes over its lanes at once, although their
//! leases have not expired; it takes nothing from a server that is only frozen.

use std::collections::HashSet;

use serde_json::json;
use service_hooks::engine::clock::Clock;
use uuid::Uuid;

use super::cluster::Cluster;
use crate::support::{
    db::TestDb,
    receiver::{Receiver, Reply},
    within,
};

/// Milliseconds until the lease of a hook's lane expires, by the database's clock.
async fn lease_left(cluster: &Cluster) -> i64 {
    let rows: Vec<(i64,)> = cluster
        .ask(
            "SELECT MIN(n.until) - CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)
             FROM nodes n JOIN lanes l ON l.node_id = n.id",
        )
        .await;
    rows[0].0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_single_server_does_not_wait_for_its_own_lease() {
    let mut cluster = Cluster::start(TestDb::postgres().await, 1).await;
    let receiver = Receiver::start().await;
    cluster.hooks_everywhere(&receiver, 1, json!({})).await;
    receiver.reply([Reply::held()]);
    cluster.emit(0).await;
    receiver.wait_for(1).await;
    let killed: Uuid = cluster.nodes[0].id;
    cluster.nodes.pop().unwrap().server.kill();
    let (left, at) = (lease_left(&cluster).await, Clock::System.stopwatch());
    cluster.join().await;
    receiver.wait_for(2).await;
    let waited = at.elapsed().as_millis() as i64;
    assert!(waited < left, "delivered after {waited} ms, and the lease had {left} ms left");
    assert_ne!(cluster.owners().await.into_values().next(), Some(killed));
    receiver.release();
    cluster.assert_balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_keeps_its_lease() {
    let mut cluster = Cluster::start(TestDb::postgres().await, 1).await;
    let receiver = Receiver::start().await;
    let hooks = cluster.hooks_everywhere(&receiver, 1, json!({})).await;
    let sleeper = cluster.nodes[0].id;
    cluster.nodes[0].server.signal("STOP");
    cluster.join().await;
    let mut beats = HashSet::new();
    within(5, "the new node has checked for crashed nodes", async || {
        let until: Vec<(i64,)> = cluster.ask("SELECT MAX(until) FROM nodes").await;
        beats.insert(until[0].0);
        (beats.len() > 3).then_some(())
    })
    .await;
    let left = lease_left(&cluster).await;
    assert!(left > 0, "the check came too late: {left} ms");
    assert!(
        cluster.owners().await.values().all(|owner| *owner == sleeper),
        "its lease has not expired"
    );
    cluster.nodes[0].server.signal("CONT");
    cluster.emit(0).await;
    receiver.wait_for(hooks.len()).await;
    cluster.assert_balanced().await;
}
