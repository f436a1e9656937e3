//! Several servers on one database look like one from outside.

use std::time::Duration;

use serde_json::json;

use super::{
    cluster::Cluster,
    load::{Load, all_arrived},
};
use crate::support::{db::TestDb, receiver::Receiver, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_accepted_by_any_server_arrive_once_and_soon() {
    let cluster = Cluster::start(TestDb::postgres().await, 3).await;
    let receiver = Receiver::start().await;
    let hooks = cluster.hooks_everywhere(&receiver, 1, json!({})).await;
    let load = Load::start(&cluster);
    load.wait_for(200).await;
    let acknowledged = load.stop().await;
    let tally = all_arrived(&receiver, &hooks, &acknowledged).await;
    cluster.assert_balanced().await;
    let (half, most) = (tally.percentile(50), tally.percentile(95));
    eprintln!(
        "{} events to {} hooks: p50 {half} ms, p95 {most} ms after the 202",
        acknowledged.len(),
        hooks.len()
    );
    assert_eq!(tally.duplicates, 0, "no server was killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_move_to_a_joining_server_without_duplicates() {
    let mut cluster = Cluster::start(TestDb::postgres().await, 2).await;
    let receiver = Receiver::start().await;
    let hooks = cluster.hooks_everywhere(&receiver, 4, json!({})).await;
    let load = Load::start(&cluster);
    load.wait_for(50).await;
    cluster.join().await;
    load.set_servers(&cluster);
    let shares = within(10, "the third has its share", async || {
        let owners = cluster.owners().await;
        let share = |id| owners.values().filter(|owner| **owner == id).count();
        let shares: Vec<usize> = cluster.nodes.iter().map(|node| share(node.id)).collect();
        (shares[2] > 0 && shares.iter().sum::<usize>() == hooks.len()).then_some(shares)
    })
    .await;
    // All of them continue, with their current lanes.
    load.wait_for(100).await;
    let acknowledged = load.stop().await;
    let tally = all_arrived(&receiver, &hooks, &acknowledged).await;
    cluster.assert_balanced().await;
    eprintln!(
        "{} events, shares {shares:?}, longest wait {} ms",
        acknowledged.len(),
        tally.percentile(100)
    );
    assert_eq!(tally.duplicates, 0, "no server was killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_stays_active_if_its_new_server_dies_before_the_handover() {
    let mut cluster = Cluster::start(TestDb::postgres().await, 1).await;
    let receiver = Receiver::start().await;
    let hooks = cluster.hooks_everywhere(&receiver, 8, json!({})).await;
    for _ in 0..2 {
        cluster.join().await;
        // At a random moment of the move.
        tokio::time::sleep(Duration::from_millis(700)).await;
        cluster.nodes.pop().unwrap().server.kill();
    }
    let load = Load::start(&cluster);
    load.wait_for(20).await;
    let acknowledged = load.stop().await;
    let tally = all_arrived(&receiver, &hooks, &acknowledged).await;
    cluster.assert_balanced().await;
    assert_eq!(tally.duplicates, 0);
}
