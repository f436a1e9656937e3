//! Concurrent changes of everything, through every server, under load: no deadlocks between
//! servers.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use service_hooks::engine::clock::{Clock, random_unit};
use uuid::Uuid;

use super::{
    cluster::Cluster,
    load::{Load, all_arrived},
    own_postgres::OwnPostgres,
};
use crate::support::{
    db::TestDb,
    receiver::{Receiver, Reply},
};

const STORM: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_through_every_server_succeed() {
    let postgres = OwnPostgres::start();
    let cluster = Cluster::start(TestDb::on(&postgres.url()).await, 3).await;
    let (receiver, moody) = (Receiver::start().await, Receiver::start().await);
    let steady = cluster.hooks_everywhere(&receiver, 1, json!({})).await;
    let mut moving = Vec::new();
    for number in 0..4 {
        moving.push(
            cluster
                .hook(&moody, &format!("/moody/{number}"), json!({"retry_schedule": ["50ms"]}))
                .await,
        );
    }
    let load = Load::start(&cluster);
    let (is_over, changes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let watch = Clock::System.stopwatch();
    let storm = async {
        while watch.elapsed() < STORM {
            // From time to time a receiver fails for a while: hooks are paused, probed and recover.
            moody.reply(std::iter::repeat_n(Reply::status(500), 60));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        is_over.store(true, Ordering::SeqCst);
    };
    let people = (0..6).map(|_| change_at_random(&cluster, &moving, &is_over, &changes));
    futures::join!(storm, futures::future::join_all(people));
    assert_eq!(postgres.deadlocks(), "");
    load.wait_for(20).await;
    let acknowledged = load.stop().await;
    moody.be_well();
    for hook in &moving {
        change(&cluster, *hook, json!({"enabled": true})).await;
    }
    let tally = all_arrived(&receiver, &steady, &acknowledged).await;
    cluster.assert_balanced().await;
    eprintln!(
        "{} events, {} changes, {} repeats",
        acknowledged.len(),
        changes.into_inner(),
        tally.duplicates
    );
    assert_eq!(tally.duplicates, 0, "no server was killed");
    for node in &cluster.nodes {
        assert!(!node.log().contains("a late result was discarded"), "{}", node.log());
    }
}

async fn change_at_random(
    cluster: &Cluster,
    hooks: &[Uuid],
    is_over: &AtomicBool,
    changes: &AtomicUsize,
) {
    while !is_over.load(Ordering::SeqCst) {
        let hook = hooks[(random_unit() * hooks.len() as f64) as usize];
        match (random_unit() * 8.0) as u32 {
            0..3 => change(cluster, hook, json!({"enabled": false})).await,
            3..6 => change(cluster, hook, json!({"enabled": true})).await,
            6 => change(cluster, hook, json!({"name": "renamed", "in_flight": 8})).await,
            _ => job(cluster, hook).await,
        }
        changes.fetch_add(1, Ordering::SeqCst);
    }
}

/// Two users may change the same hook at the same moment: then one of them gets a conflict. No
/// other error is allowed.
async fn change(cluster: &Cluster, hook: Uuid, patch: Value) {
    let (status, answer) =
        cluster.api(cluster.any(), "PATCH", &format!("/hooks/{hook}"), patch).await;
    assert!(matches!(status, 200 | 409), "{status}: {answer}: {}", cluster.errors());
}

/// Redelivers some missed events; cancelled through another server a little later.
async fn job(cluster: &Cluster, hook: Uuid) {
    let order = json!({"since": "2020-01-01T00:00:00Z", "per_second": 100});
    let (status, job) =
        cluster.api(cluster.any(), "POST", &format!("/hooks/{hook}/recover"), order).await;
    // Two users may request the same at the same moment: then one of them gets a conflict.
    if status == 409 {
        return;
    }
    assert_eq!(status, 202, "{job}: {}", cluster.errors());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    let (status, job) =
        cluster.api(cluster.any(), "PATCH", &path, json!({"state": "cancelled"})).await;
    // It may be done already.
    assert!(matches!(status, 200 | 409 | 422), "{status}: {job}: {}", cluster.errors());
}
