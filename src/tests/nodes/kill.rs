//! `kill -9` of servers at random moments under load, while others run. All acknowledged events
//! arrive, lanes of killed servers are taken over in time, and only attempts in flight are
//! repeated.
//!
//! `SERVICE_HOOKS_TEST_NODE_KILLS`: number of kills (default 4).

use std::time::Duration;

use serde_json::json;
use service_hooks::{
    domain::time::Timestamp,
    engine::clock::{Clock, random_unit},
};

use uuid::Uuid;

use super::{
    cluster::{Cluster, TAKEOVER_SECONDS},
    load::{Load, all_arrived},
};
use crate::support::{db::TestDb, receiver::Receiver, within};

fn kills() -> usize {
    #[expect(clippy::disallowed_methods, reason = "the long mode is asked for by hand")]
    std::env::var("SERVICE_HOOKS_TEST_NODE_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(4)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_servers_lanes_are_taken_over_without_loss() {
    let mut cluster = Cluster::start(TestDb::postgres().await, 3).await;
    let receiver = Receiver::start().await;
    let hooks = cluster.hooks_everywhere(&receiver, 1, json!({})).await;
    let load = Load::start(&cluster);
    let (mut killed, mut takeovers) = (0, Vec::new());
    while killed < kills() {
        tokio::time::sleep(Duration::from_millis((random_unit() * 1000.0) as u64)).await;
        // Alternately one server and two servers at the same moment.
        let count = (1 + killed % 2).min(kills() - killed);
        let owners = cluster.owners().await;
        let mut dead = Vec::new();
        for _ in 0..count {
            let mut node = cluster.nodes.swap_remove(cluster.any());
            node.server.kill();
            dead.push(node.id);
        }
        let at = Clock::System.now();
        killed += count;
        load.set_servers(&cluster);
        let is_orphan = |hook: &Uuid| owners.get(hook).is_some_and(|owner| dead.contains(owner));
        let orphans: Vec<&String> =
            hooks.iter().filter(|(hook, _)| is_orphan(hook)).map(|(_, path)| path).collect();
        takeovers.extend(takeover(&receiver, &orphans, at).await);
        for _ in 0..count {
            cluster.join().await;
        }
        load.set_servers(&cluster);
        within(TAKEOVER_SECONDS, "every hook has a node again", async || {
            (cluster.owners().await.len() == hooks.len()).then_some(())
        })
        .await;
    }
    let acknowledged = load.stop().await;
    let tally = all_arrived(&receiver, &hooks, &acknowledged).await;
    cluster.assert_balanced().await;
    eprintln!(
        "{killed} kills, {} events to {} hooks acknowledged, 0 lost, {} repeated; taken over after \
         {takeovers:?}",
        acknowledged.len(),
        hooks.len(),
        tally.duplicates
    );
    let in_flight = cluster.nodes[0].settings.delivery.in_flight;
    assert!(tally.duplicates <= killed * in_flight, "{} repeats", tally.duplicates);
}

/// After this long no request of a killed server is in flight, and no lane can have been taken over
/// yet.
const QUIET: Duration = Duration::from_secs(2);

/// The time from `at` until the last of these paths received a request again; `None` without paths.
async fn takeover(receiver: &Receiver, paths: &[&String], at: Timestamp) -> Option<Duration> {
    within(TAKEOVER_SECONDS, "what the dead had is delivered again", async || {
        let came = receiver.came();
        let first = |path: &String| {
            came.iter()
                .filter(|came| came.path == *path && came.at > at.after(QUIET))
                .map(|came| came.at)
                .min()
        };
        let firsts: Option<Vec<Timestamp>> = paths.iter().map(|path| first(path)).collect();
        Some(firsts?.into_iter().max().map(|last| at.until(last)))
    })
    .await
}
