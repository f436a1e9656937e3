//! The database is killed under load and starts again. No server is restarted for that.
//!
//! `SERVICE_HOOKS_TEST_DB_KILLS`: number of kills (default 2).

use std::time::Duration;

use serde_json::json;
use service_hooks::engine::clock::{Clock, random_unit};

use super::{
    cluster::{Cluster, TAKEOVER_SECONDS},
    load::{Load, all_arrived},
    own_postgres::OwnPostgres,
};
use crate::support::{db::TestDb, receiver::Receiver, within};

fn kills() -> usize {
    #[expect(clippy::disallowed_methods, reason = "the long mode is asked for by hand")]
    std::env::var("SERVICE_HOOKS_TEST_DB_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_events_survive_a_database_kill() {
    let postgres = OwnPostgres::start();
    let mut cluster = Cluster::start(TestDb::on(&postgres.url()).await, 2).await;
    let receiver = Receiver::start().await;
    let hooks = cluster.hooks_everywhere(&receiver, 2, json!({})).await;
    let load = Load::start(&cluster);
    let mut recoveries = Vec::new();
    for number in 0..kills() {
        load.wait_for(40).await;
        tokio::time::sleep(Duration::from_millis((random_unit() * 300.0) as u64)).await;
        if number % 2 == 0 {
            postgres.kill();
        } else {
            // Unavailable for longer than a lease.
            postgres.stop_at_once();
            tokio::time::sleep(Duration::from_secs(9)).await;
        }
        postgres.start_again();
        let (watch, at) = (Clock::System.stopwatch(), Clock::System.now());
        within(2 * TAKEOVER_SECONDS, "every hook gets what is accepted afterwards", async || {
            let fresh = load.acknowledged().into_iter().find(|event| event.at > at)?;
            let arrivals = receiver.arrivals();
            let has = |path: &String| arrivals.contains_key(&(path.clone(), fresh.id.clone()));
            hooks.values().all(has).then_some(())
        })
        .await;
        recoveries.push(watch.elapsed());
    }
    load.wait_for(20).await;
    let acknowledged = load.stop().await;
    let tally = all_arrived(&receiver, &hooks, &acknowledged).await;
    cluster.assert_balanced().await;
    eprintln!(
        "{} kills of the database, {} events acknowledged, 0 lost, {} repeated; at work again \
         after {recoveries:?}",
        kills(),
        acknowledged.len(),
        tally.duplicates
    );
    let in_flight = cluster.nodes.len() * cluster.nodes[0].settings.delivery.in_flight;
    assert!(tally.duplicates <= kills() * in_flight, "{} repeats", tally.duplicates);
    for node in &mut cluster.nodes {
        assert!(node.child().try_wait().unwrap().is_none(), "a server exited");
    }
}
