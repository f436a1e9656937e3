//! A server that is stopped gracefully: attempts in flight are finished, and the other servers take
//! over its lanes at once.

use serde_json::json;
use service_hooks::engine::clock::Clock;

use super::{
    cluster::Cluster,
    load::{Load, all_arrived},
};
use crate::support::{
    db::TestDb,
    receiver::{Receiver, Reply},
    within,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_hands_over_and_finishes_its_attempts() {
    let mut cluster = Cluster::start(TestDb::postgres().await, 3).await;
    let (receiver, slow) = (Receiver::start().await, Receiver::start().await);
    let hooks = cluster.hooks_everywhere(&receiver, 2, json!({})).await;
    // The server that owns this lane is stopped during an attempt.
    let busy = cluster.hook(&slow, "/slow", json!({})).await;
    let owner =
        within(10, "the lane has an owner", async || cluster.owners().await.get(&busy).copied())
            .await;
    let position = cluster.nodes.iter().position(|node| node.id == owner).unwrap();
    let mut stopping = cluster.nodes.swap_remove(position);
    let load = Load::start(&cluster);
    load.wait_for(20).await;
    slow.reply([Reply::held()]);
    let before = slow.came().len();
    slow.wait_for(before + 1).await;

    let watch = Clock::System.stopwatch();
    stopping.server.signal("TERM");
    within(2, "the others have its idle lanes", async || {
        let owners = cluster.owners().await;
        let has = |hook| owners.get(hook).is_some_and(|node| *node != stopping.id);
        hooks.keys().all(has).then_some(())
    })
    .await;
    let handed_over = watch.elapsed();
    assert!(stopping.child().try_wait().unwrap().is_none(), "an attempt was not finished");
    load.wait_for(10).await;
    slow.release();
    let status = within(10, "it ends", async || stopping.child().try_wait().unwrap()).await;
    let acknowledged = load.stop().await;
    let tally = all_arrived(&receiver, &hooks, &acknowledged).await;
    cluster.assert_balanced().await;
    eprintln!(
        "handed over after {handed_over:?}; {} events, longest wait {} ms",
        acknowledged.len(),
        tally.percentile(100)
    );
    assert!(status.success(), "{status}");
    assert_eq!(tally.duplicates, 0, "no server was killed");
    let repeats = slow.arrivals().values().filter(|came| came.len() > 1).count();
    assert_eq!(repeats, 0, "attempts in flight were finished");
}
