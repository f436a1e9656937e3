//! A job continues on another server when the server that runs it is killed.

use serde_json::{Value, json};
use uuid::Uuid;

use super::cluster::Cluster;
use crate::support::{db::TestDb, receiver::Receiver, within};

/// Deliveries that the job redelivers, and its rate per second.
const MISSED: usize = 120;
const PACE: u32 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_continues_on_another_server_after_a_kill() {
    let mut cluster = Cluster::start(TestDb::postgres().await, 2).await;
    let receiver = Receiver::start().await;
    cluster.hooks_everywhere(&receiver, 1, json!({"enabled": false})).await;
    // The second server owns the hook's lane, so killing the first repeats no delivery.
    let hook = *cluster.hooks_of(cluster.nodes[1].id).await.iter().next().unwrap();
    for number in 0..MISSED {
        cluster.emit(number % 2).await;
    }
    let (status, _) =
        cluster.api(0, "PATCH", &format!("/hooks/{hook}"), json!({"enabled": true})).await;
    assert_eq!(status, 200);
    let order = json!({"since": "2020-01-01T00:00:00Z", "per_second": PACE});
    let (status, job) = cluster.api(0, "POST", &format!("/hooks/{hook}/recover"), order).await;
    assert_eq!((status, &job["total"]), (202, &json!(MISSED)), "{job}");
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    let progress = async |cluster: &Cluster| cluster.api(0, "GET", &path, Value::Null).await.1;
    within(10, "the job is running", async || {
        (progress(&cluster).await["done"].as_i64()? >= 20).then_some(())
    })
    .await;
    // Usually the server that created it; the other may have claimed it first.
    let runner: Vec<(Option<Uuid>,)> = cluster.ask("SELECT node_id FROM jobs").await;
    let position = cluster.nodes.iter().position(|node| Some(node.id) == runner[0].0).unwrap();
    let mut killed = cluster.nodes.remove(position);
    killed.server.kill();
    let job = within(30, "the other finishes it", async || {
        let job = progress(&cluster).await;
        (job["state"] == "done").then_some(job)
    })
    .await;
    let count = |name: &str| job[name].as_i64().unwrap() as usize;
    assert_eq!((count("done") + count("skipped"), count("skipped")), (MISSED, 0), "{job}");
    let arrivals = within(30, "all of them arrive", async || {
        let arrivals = receiver.arrivals();
        (arrivals.len() == MISSED).then_some(arrivals)
    })
    .await;
    cluster.assert_balanced().await;
    // Each once by the job; only attempts in flight on the killed server may be repeated.
    let repeats: usize = arrivals.values().map(|came| came.len() - 1).sum();
    let in_flight = if position == 1 { killed.settings.delivery.in_flight_per_hook } else { 0 };
    assert!(repeats <= in_flight, "{repeats} repeats");
    let attempts: Vec<(i64,)> = cluster.ask("SELECT COUNT(*) FROM attempts").await;
    assert_eq!(attempts[0].0 as usize, MISSED);
}
