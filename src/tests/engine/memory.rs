//! Many hooks with silent receivers: all lanes together stay within the memory budget, and no
//! delivery is forgotten.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::{EVENT, Scene, body};
use crate::support::{
    db::TestDb,
    on_both,
    receiver::{Receiver, Reply},
    within,
};

on_both!(silent_receivers_take_no_more_than_the_budget_and_nothing_is_left_behind);

const HOOKS: usize = 25;
const EVENTS: usize = 40;
const BODY: usize = 20_000;
const BUDGET: usize = 400_000;

/// The value of a metric of the running server.
async fn figure(scene: &Scene, name: &str) -> usize {
    let text = scene.app.request("GET", "/metrics").send().await.unwrap().text().await.unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")))
        .unwrap_or_else(|| panic!("{name}"));
    line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as usize
}

fn large(number: usize) -> Value {
    let mut data = body(&number.to_string(), &format!("key {}", number % 5));
    data["notes"] = "x".repeat(BODY).into();
    json!({"type": EVENT.key(), "data": data})
}

async fn silent_receivers_take_no_more_than_the_budget_and_nothing_is_left_behind(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.memory_bytes = BUDGET;
        settings.delivery.timeout = Duration::from_secs(60);
        settings.delivery.in_flight = 64;
    })
    .await;
    let receiver = Receiver::ruled(|_| Reply::held()).await;
    for number in 0..HOOKS {
        // Some of them have ordered deliveries.
        let own =
            if number % 5 == 0 { json!({"order_by": "customerIdentifier"}) } else { json!({}) };
        scene.hook(&receiver, own).await;
    }
    // Beyond the budget a lane may have one delivery, and one more while a load is in progress.
    let most = BUDGET + 2 * HOOKS * (BODY + 2000);
    for number in 0..EVENTS {
        let (status, answer) = scene.ask("POST", "/events", large(number)).await;
        assert_eq!(status, 202, "{answer}");
        let taken = figure(&scene, "service_hooks_lane_memory_bytes").await;
        assert!(taken <= most, "{taken} bytes in memory after {number} events");
    }
    // Every lane has an attempt in flight, however much memory the others use.
    receiver.wait_for(HOOKS).await;
    receiver.release();
    within(120, "everything is delivered", async || {
        let taken = figure(&scene, "service_hooks_lane_memory_bytes").await;
        assert!(taken <= most, "{taken} bytes");
        (scene.count("delivered").await == (HOOKS * EVENTS) as i64).then_some(())
    })
    .await;
    within(10, "the lanes have nothing in memory", async || {
        (figure(&scene, "service_hooks_lane_memory_bytes").await == 0).then_some(())
    })
    .await;
    scene.app.assert_balanced().await;
}
