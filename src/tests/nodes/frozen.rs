//! The database freezes for longer than any lease, with all connections open, and continues: a
//! migrated virtual machine, a disk that hangs.

use std::time::Duration;

use serde_json::json;
use service_hooks::engine::clock::Clock;
use uuid::Uuid;

use super::{
    cluster::{Cluster, TAKEOVER_SECONDS},
    load::{Load, all_arrived},
    own_postgres::OwnPostgres,
};
use crate::support::{db::TestDb, eventually, receiver::Receiver, within};

const FROZEN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_continue_after_their_database_was_frozen() {
    let postgres = OwnPostgres::start();
    let mut cluster = Cluster::start(TestDb::on(&postgres.url()).await, 2).await;
    let receiver = Receiver::start().await;
    let hooks = cluster.hooks_everywhere(&receiver, 2, json!({})).await;
    let load = Load::start(&cluster);
    load.wait_for(40).await;
    let owners = "SELECT hook_id, node_id, fence FROM lanes ORDER BY hook_id";
    let before: Vec<(Uuid, Option<Uuid>, i64)> = cluster.ask(owners).await;
    postgres.freeze();
    tokio::time::sleep(FROZEN).await;
    postgres.thaw();
    let (watch, at) = (Clock::System.stopwatch(), Clock::System.now());
    within(2 * TAKEOVER_SECONDS, "every hook gets what is accepted afterwards", async || {
        let fresh = load.acknowledged().into_iter().find(|event| event.at > at)?;
        let arrivals = receiver.arrivals();
        hooks
            .values()
            .all(|path| arrivals.contains_key(&(path.clone(), fresh.id.clone())))
            .then_some(())
    })
    .await;
    let recovered = watch.elapsed();
    load.wait_for(40).await;
    let acknowledged = load.stop().await;
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
    let after: Vec<(Uuid, Option<Uuid>, i64)> = cluster.ask(owners).await;
    let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    eprintln!(
        "{} acknowledged, 0 lost, {} repeated, {moved} of {} lanes changed hands; at work again \
         after {recovered:?}",
        acknowledged.len(),
        tally.duplicates,
        hooks.len()
    );
    let in_flight = cluster.nodes[0].settings.delivery.in_flight_per_hook * hooks.len();
    assert!(tally.duplicates <= in_flight, "{} repeats", tally.duplicates);
    for node in &mut cluster.nodes {
        assert!(node.child().try_wait().unwrap().is_none(), "a server exited");
    }
}
