//! A job that one server began goes on at another when that is killed.

use serde_json::{Value, json};
use uuid::Uuid;

use super::cluster::Cluster;
use crate::support::{db::TestDb, receiver::Receiver, within};

/// Deliveries that the job sends again, and how many in a second.
const MISSED: usize = 120;
const PACE: u32 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_goes_on_where_the_killed_server_was() {
    let mut cluster = Cluster::start(TestDb::postgres().await, 2).await;
    let receiver = Receiver::start().await;
    cluster.hooks_everywhere(&receiver, 1, json!({"enabled": false})).await;
    // Delivered by the second, so that the death of the first repeats no delivery.
    let hook = *cluster.hooks_of(cluster.nodes[1].id).await.iter().next().unwrap();
    for number in 0..MISSED {
        cluster.emit(number % 2).await;
    }
    let (status, _) = cluster.api(0, "PATCH", &format!("/hooks/{hook}"), json!({"enabled": true})).await;
    assert_eq!(status, 200);
    let order = json!({"since": "2020-01-01T00:00:00Z", "per_second": PACE});
    let (status, job) = cluster.api(0, "POST", &format!("/hooks/{hook}/recover"), order).await;
    assert_eq!((status, &job["total"]), (202, &json!(MISSED)), "{job}");
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    let progress = async |node: usize| cluster.api(node, "GET", &path, Value::Null).await.1;
    within(10, "it is under way", async || (progress(0).await["done"].as_i64()? >= 20).then_some(())).await;
    let runner: Vec<(Option<Uuid>,)> = cluster.ask("SELECT node_id FROM jobs").await;
    assert_eq!(runner[0].0, Some(cluster.nodes[0].id), "whoever began it works on it");

    let killed = cluster.nodes[0].server.0.id();
    assert!(std::process::Command::new("kill").args(["-9", &killed.to_string()]).status().unwrap().success());
    let job = within(30, "the other finishes it", async || {
        let job = progress(1).await;
        (job["state"] == "done").then_some(job)
    })
    .await;
    let count = |name: &str| job[name].as_i64().unwrap() as usize;
    assert_eq!((count("done") + count("skipped"), count("skipped")), (MISSED, 0), "{job}");
    receiver.wait_for(MISSED).await;
    cluster.assert_balanced().await;
    assert!(receiver.arrivals().values().all(|came| came.len() == 1), "sent again twice");
    assert_eq!(receiver.arrivals().len(), MISSED);
    let attempts: Vec<(i64,)> = cluster.ask("SELECT COUNT(*) FROM attempts").await;
    assert_eq!(attempts[0].0 as usize, MISSED);
    // Still there for its files; ended long ago.
    cluster.nodes.remove(0);
}
