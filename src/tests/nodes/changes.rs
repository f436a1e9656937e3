//! A user changes a hook through one server, while other servers accept its events and deliver
//! them.

use std::time::Duration;

use serde_json::{Value, json};
use service_hooks::engine::clock::Clock;

use super::cluster::Cluster;
use crate::support::{db::TestDb, eventually, receiver::Receiver, within};

/// Maximum time until all servers apply a change made through one of them, on a quiet machine.
const IN_FORCE: Duration = Duration::from_secs(1);

/// A hook whose lane node 0 owns. It is changed through node 1, and its events are accepted by node
/// 2.
async fn foreign_hook(cluster: &Cluster, receiver: &Receiver) -> uuid::Uuid {
    cluster.hooks_everywhere(receiver, 1, json!({"enabled": false})).await;
    let hook = *cluster.hooks_of(cluster.nodes[0].id).await.iter().next().unwrap();
    let (status, _) =
        cluster.api(1, "PATCH", &format!("/hooks/{hook}"), json!({"enabled": true})).await;
    assert_eq!(status, 200);
    hook
}

async fn delivery_of(cluster: &Cluster, event: &str, hook: uuid::Uuid) -> Value {
    let (_, story) = cluster.api(2, "GET", &format!("/events/{event}"), json!({})).await;
    let deliveries = story["deliveries"].as_array().unwrap();
    let found = deliveries.iter().find(|delivery| delivery["hook_id"] == hook.to_string());
    found.cloned().unwrap_or(Value::Null)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_hook_gets_events_at_once_and_can_be_tested_through_any_server() {
    let cluster = Cluster::start(TestDb::postgres().await, 3).await;
    let receiver = Receiver::start().await;
    let mut waits = Vec::new();
    for number in 0..9 {
        let path = format!("/new/{number}");
        let hook = cluster.hook(&receiver, &path, json!({})).await;
        let watch = Clock::System.stopwatch();
        let event = cluster.emit(number % 3).await;
        eventually("the first event of a new hook arrives", async || {
            receiver.arrivals().contains_key(&(path.clone(), event.clone())).then_some(())
        })
        .await;
        waits.push(watch.millis());
        let test = cluster.api(number % 3, "POST", &format!("/hooks/{hook}/test"), json!({})).await;
        assert_eq!((test.0, &test.1["state"]), (200, &json!("delivered")), "{}", test.1);
        let (status, _) =
            cluster.api((number + 1) % 3, "DELETE", &format!("/hooks/{hook}"), json!({})).await;
        assert_eq!(status, 204);
    }
    eprintln!("the first event of a new hook took {waits:?} ms");
    cluster.assert_balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_through_one_server_applies_on_the_others() {
    let cluster = Cluster::start(TestDb::postgres().await, 3).await;
    let receiver = Receiver::start().await;
    let hook = foreign_hook(&cluster, &receiver).await;
    let path = format!("/hooks/{hook}");

    // Another key: events accepted a second later use it, most of them much sooner.
    let (status, _) = cluster.api(1, "PATCH", &path, json!({"api_key": "second-key"})).await;
    assert_eq!(status, 200);
    let watch = Clock::System.stopwatch();
    let seen = within(IN_FORCE.as_secs(), "the new key is sent", async || {
        let event = cluster.emit(2).await;
        let came = eventually("it arrives", async || {
            receiver.came().into_iter().find(|came| came.header("webhook-id") == event)
        })
        .await;
        (came.header("x-api-key") == "second-key").then(|| watch.elapsed())
    })
    .await;
    eprintln!("a new key was sent after {seen:?}");

    // Off: every server skips the very next event, and a lane with a backlog sends nothing more.
    let (status, _) = cluster.api(1, "PATCH", &path, json!({"enabled": false})).await;
    assert_eq!(status, 200);
    for node in 0..3 {
        let event = cluster.emit(node).await;
        assert_eq!(delivery_of(&cluster, &event, hook).await["state"], "skipped");
        let test = cluster.api(node, "POST", &format!("{path}/test"), json!({})).await;
        assert_eq!((test.0, &test.1["state"]), (200, &json!("delivered")), "{}", test.1);
    }

    // On again, then deleted.
    let (status, _) = cluster.api(1, "PATCH", &path, json!({"enabled": true})).await;
    assert_eq!(status, 200);
    let event = cluster.emit(2).await;
    eventually("it is delivered", async || {
        (delivery_of(&cluster, &event, hook).await["state"] == "delivered").then_some(())
    })
    .await;
    let (status, _) = cluster.api(1, "DELETE", &path, json!({})).await;
    assert_eq!(status, 204);
    for node in 0..3 {
        let event = cluster.emit(node).await;
        assert_eq!(delivery_of(&cluster, &event, hook).await, Value::Null);
        let test = cluster.api(node, "POST", &format!("{path}/test"), json!({})).await;
        assert_eq!(test.0, 404, "{}", test.1);
    }
    cluster.assert_balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_turned_off_through_another_server_sends_no_backlog() {
    let cluster = Cluster::start(TestDb::postgres().await, 3).await;
    let receiver = Receiver::start().await;
    let hook = foreign_hook(&cluster, &receiver).await;
    let path = format!("/hooks/{hook}");
    // One per second: most of forty still wait when the hook is turned off.
    let (status, _) = cluster.api(1, "PATCH", &path, json!({"rate_per_second": 1})).await;
    assert_eq!(status, 200);
    for _ in 0..40 {
        cluster.emit(2).await;
    }
    let (status, _) = cluster.api(1, "PATCH", &path, json!({"enabled": false})).await;
    assert_eq!(status, 200);
    eventually("waiting deliveries are held, and attempts in flight have arrived", async || {
        const OPEN: &str = "SELECT COUNT(*) FROM deliveries WHERE state IN ('pending', 'waiting')";
        (cluster.ask::<(i64,)>(OPEN).await[0].0 == 0).then_some(())
    })
    .await;
    let came = receiver.came().len();
    assert!(came < 40, "all had been sent already");
    // In this time several more would have been sent.
    tokio::time::sleep(IN_FORCE * 5 / 2).await;
    assert_eq!(receiver.came().len(), came, "a request was sent to a hook that is off");
    let (status, _) =
        cluster.api(1, "PATCH", &path, json!({"enabled": true, "rate_per_second": null})).await;
    assert_eq!(status, 200);
    receiver.wait_for(40).await;
    cluster.assert_balanced().await;
    assert_eq!(receiver.came().len(), 40);
}
