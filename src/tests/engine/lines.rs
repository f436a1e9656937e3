//! Ordered deliveries: the cost does not depend on the backlog, a redelivery keeps its position,
//! and a key never has two attempts in flight.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use super::scene::{Scene, batch, body, names};
use crate::support::{
    db::TestDb,
    on_both,
    receiver::{Came, Receiver, Reply},
    sql, within,
};

on_both!(
    a_long_line_is_read_once_and_sent_in_order,
    a_blocked_key_does_not_delay_other_keys,
    a_redelivery_goes_before_newer_waiting_deliveries,
    events_without_the_member_wait_for_none,
    deliveries_accepted_before_ordering_was_switched_on_are_sent,
    a_delivery_held_before_ordering_was_switched_on_can_be_retried_now,
);

/// Deliveries of one key.
const MANY: usize = 2000;
const KEY: &str = "customerIdentifier";

/// The value of a counter of the server.
async fn counted(scene: &Scene, name: &str) -> f64 {
    let text = scene.app.request("GET", "/metrics").send().await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
}

const LOADS: &str = "service_hooks_lane_load_duration_seconds_count";

/// The numbers of the received events, in order of arrival.
fn numbers(receiver: &Receiver) -> Vec<u32> {
    receiver.came().iter().map(|came| came.member("id").parse().unwrap()).collect()
}

fn same_key(from: usize, to: usize) -> Vec<(String, &'static str)> {
    (from..to).map(|number| (number.to_string(), "same")).collect()
}

async fn all_delivered(scene: &Scene, count: usize) {
    within(120, &format!("{count} are delivered"), async || {
        (scene.count("delivered").await == count as i64).then_some(())
    })
    .await;
}

async fn a_long_line_is_read_once_and_sent_in_order(db: TestDb) {
    let scene =
        Scene::start(db, |settings| settings.delivery.timeout = Duration::from_secs(60)).await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::held()]);
    scene.hook(&receiver, json!({"order_by": KEY})).await;
    scene.emit(&same_key(0, 1)).await;
    receiver.wait_for(1).await;
    // All others wait behind the first.
    scene.emit(&same_key(1, MANY)).await;
    let before = counted(&scene, LOADS).await;
    receiver.release();
    all_delivered(&scene, MANY).await;
    assert_eq!(numbers(&receiver), (0..MANY as u32).collect::<Vec<_>>());
    assert_eq!(receiver.busiest(), 1);
    let loads = counted(&scene, LOADS).await - before;
    assert!(loads <= MANY as f64 / 8.0, "{loads} loads for {MANY} deliveries");
    scene.app.assert_balanced().await;
}

async fn a_blocked_key_does_not_delay_other_keys(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.lane_window = 64;
        settings.delivery.pause_after = 10_000;
    })
    .await;
    let is_down = Arc::new(AtomicBool::new(true));
    let down = is_down.clone();
    let receiver = Receiver::ruled(move |came: &Came| {
        match came.member(KEY) == "same" && down.load(Ordering::SeqCst) {
            true => Reply::status(500),
            false => Reply::status(200),
        }
    })
    .await;
    let hook =
        scene.hook(&receiver, json!({"order_by": KEY, "retry_schedule": ["1h", "1h"]})).await;
    scene.emit(&same_key(0, MANY)).await;
    receiver.wait_for(1).await;
    let others: Vec<(String, String)> =
        (0..300).map(|n| (format!("1{n:03}0"), format!("key {}", n % 7))).collect();
    let before = counted(&scene, LOADS).await;
    for some in others.chunks(30) {
        scene.emit(some).await;
    }
    scene.all_in("delivered", others.len()).await;
    let loads = counted(&scene, LOADS).await - before;
    assert!(loads <= 150.0, "{loads} loads for {} deliveries of other values", others.len());
    // The deliveries behind it keep their order when the hook is changed and the first one
    // succeeds.
    is_down.store(false, Ordering::SeqCst);
    scene.change(&hook, json!({"enabled": false})).await;
    scene.change(&hook, json!({"enabled": true})).await;
    all_delivered(&scene, MANY + others.len()).await;
    let came = numbers(&receiver);
    let first_of_others: u32 = 10_000;
    let ours: Vec<u32> =
        came.into_iter().filter(|number| *number < first_of_others).skip(1).collect();
    assert_eq!(ours, (0..MANY as u32).collect::<Vec<_>>());
    scene.app.assert_balanced().await;
}

async fn a_redelivery_goes_before_newer_waiting_deliveries(db: TestDb) {
    let scene =
        Scene::start(db, |settings| settings.delivery.timeout = Duration::from_secs(60)).await;
    let holds = Arc::new(AtomicBool::new(false));
    let held = holds.clone();
    let receiver = Receiver::ruled(move |_: &Came| match held.swap(false, Ordering::SeqCst) {
        true => Reply::held(),
        false => Reply::status(200),
    })
    .await;
    scene.hook(&receiver, json!({"order_by": KEY})).await;
    let ids = scene.emit(&same_key(0, 5)).await;
    scene.all_in("delivered", 5).await;
    holds.store(true, Ordering::SeqCst);
    scene.emit(&same_key(5, 40)).await;
    receiver.wait_for(6).await;
    for (number, event) in ids.iter().enumerate().filter(|(number, _)| [3, 1].contains(number)) {
        let delivery = scene.delivery_in(event, "delivered").await;
        let path = format!("/deliveries/{}/redeliver", delivery["id"].as_str().unwrap());
        let (status, answer) = scene.ask("POST", &path, json!({})).await;
        assert!((200..300).contains(&status), "{number}: {answer}");
    }
    receiver.release();
    scene.all_in("delivered", 40).await;
    let expected: Vec<u32> = (0..6).chain([1, 3]).chain(6..40).collect();
    receiver.wait_for(42).await;
    assert_eq!(numbers(&receiver), expected);
    assert_eq!(receiver.busiest(), 1);
    scene.app.assert_balanced().await;
}

async fn events_without_the_member_wait_for_none(db: TestDb) {
    let scene =
        Scene::start(db, |settings| settings.delivery.timeout = Duration::from_secs(60)).await;
    let receiver = Receiver::ruled(|_| Reply::held()).await;
    scene.hook(&receiver, json!({"order_by": "customerId", "in_flight": 10})).await;
    let mut events = batch(&names(10));
    for event in events.as_array_mut().unwrap() {
        event["data"].as_object_mut().unwrap().remove("customerId");
    }
    let (status, answer) = scene.ask("POST", "/events", events).await;
    assert_eq!(status, 202, "{answer}");
    receiver.wait_for(10).await;
    receiver.release();
    scene.all_in("delivered", 10).await;
    assert_eq!(receiver.busiest(), 10);
    scene.app.assert_balanced().await;
}

async fn deliveries_accepted_before_ordering_was_switched_on_are_sent(db: TestDb) {
    let scene =
        Scene::start(db, |settings| settings.delivery.timeout = Duration::from_secs(60)).await;
    let order: Arc<Mutex<HashMap<String, Vec<u32>>>> = Arc::default();
    let book = order.clone();
    let receiver = Receiver::ruled(move |came: &Came| {
        book.lock()
            .unwrap()
            .entry(came.member(KEY))
            .or_default()
            .push(came.member("id").parse().unwrap());
        Reply::held()
    })
    .await;
    let hook = scene.hook(&receiver, json!({"in_flight": 2})).await;
    scene.emit(&names(50)).await;
    receiver.wait_for(2).await;
    scene.change(&hook, json!({"order_by": KEY})).await;
    scene.emit(&same_key(50, 90)).await;
    receiver.release();
    scene.all_in("delivered", 90).await;
    assert_eq!(order.lock().unwrap()["same"], (50..90).collect::<Vec<u32>>());
    // And off again.
    scene.change(&hook, json!({"order_by": null})).await;
    let (status, answer) = scene
        .ask(
            "POST",
            "/events",
            json!({"type": super::scene::EVENT.key(),
                                                                "data": body("90", "same")}),
        )
        .await;
    assert_eq!(status, 202, "{answer}");
    scene.all_in("delivered", 91).await;
    scene.app.assert_balanced().await;
}

async fn a_delivery_held_before_ordering_was_switched_on_can_be_retried_now(db: TestDb) {
    let scene = Scene::start(db, |settings| settings.delivery.drain_per_second = 1).await;
    let receiver = Receiver::start().await;
    let hook = scene.hook(&receiver, json!({})).await;
    let event = scene.emit_one().await;
    scene.all_in("delivered", 1).await;
    scene.change(&hook, json!({"order_by": KEY})).await;
    // Held without a key: a row that a step has not reached yet.
    let delivery = scene.delivery_in(&event, "delivered").await["id"].as_str().unwrap().to_owned();
    let url = scene.settings.database_url();
    let id = sql::literal(&url, delivery.parse().unwrap());
    let held = format!("UPDATE deliveries SET state = 'held', order_key = NULL WHERE id = {id}");
    sql::execute(&url, &held).await.unwrap();
    let (status, answer) =
        scene.ask("POST", &format!("/deliveries/{delivery}/redeliver"), json!({})).await;
    assert_eq!(status, 202, "{answer}");
    receiver.wait_for(2).await;
    scene.all_in("delivered", 1).await;
}
