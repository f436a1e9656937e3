//! Of several servers one runs the retention, and another takes over when that one is killed.

use std::time::Duration;

use serde_json::json;

use super::cluster::{Cluster, TAKEOVER_SECONDS};
use crate::support::{db::TestDb, receiver::Receiver, within};

const PRUNED: &str = "service_hooks_pruned_rows_total";

async fn bodies(cluster: &Cluster) -> i64 {
    let left: Vec<(i64,)> =
        cluster.ask("SELECT COUNT(*) FROM events WHERE pruned_at IS NULL").await;
    left[0].0
}

/// The only server that removed bodies. It counts them after its commit, so the database may show
/// the removal a moment earlier.
async fn only_sweeper(cluster: &Cluster) -> usize {
    let pruned = within(20, "a server counts what it removed", async || {
        let mut pruned = Vec::new();
        for node in 0..cluster.nodes.len() {
            pruned.push(cluster.figure(node, PRUNED).await);
        }
        pruned.iter().any(|rows| *rows > 0.0).then_some(pruned)
    })
    .await;
    let sweepers: Vec<usize> = (0..pruned.len()).filter(|node| pruned[*node] > 0.0).collect();
    assert_eq!(sweepers.len(), 1, "bodies removed per server: {pruned:?}");
    sweepers[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_sweeps_and_another_takes_over_when_it_dies() {
    let mut cluster = Cluster::start_with(TestDb::postgres().await, 3, |settings| {
        settings.retention.every = Duration::from_millis(50);
        settings.retention.payloads = Duration::from_millis(100);
    })
    .await;
    let receiver = Receiver::start().await;
    cluster.hook(&receiver, "/in", json!({})).await;
    for round in 1..=40 {
        cluster.emit(round % 3).await;
        if round % 10 == 0 {
            within(20, "bodies are removed", async || (bodies(&cluster).await == 0).then_some(()))
                .await;
        }
    }
    let sweeper = only_sweeper(&cluster).await;

    cluster.nodes.remove(sweeper).server.kill();
    for round in 0..20 {
        cluster.emit(round % 2).await;
    }
    within(2 * TAKEOVER_SECONDS, "another removes bodies", async || {
        (bodies(&cluster).await == 0).then_some(())
    })
    .await;
    only_sweeper(&cluster).await;
    cluster.assert_balanced().await;
}
