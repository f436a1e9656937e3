//! When too much waits: is a producer told to come back, is nothing kept of what was refused, and does it end by itself?

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use service_hooks::engine::config::Settings;

use super::scene::{Scene, batch, names};
use crate::support::{
    db::TestDb,
    eventually, on_both,
    receiver::{Receiver, Reply},
};

on_both!(
    too_many_bytes_are_refused_until_they_are_delivered,
    what_waits_too_long_closes_the_door_until_it_is_delivered
);

async fn too_many_bytes_are_refused_until_they_are_delivered(db: TestDb) {
    fill_and_drain(db, |settings| settings.limits.queued_bytes = 40_000).await;
}

async fn what_waits_too_long_closes_the_door_until_it_is_delivered(db: TestDb) {
    fill_and_drain(db, |settings| settings.limits.queued_age = Duration::from_millis(500)).await;
}

/// The receiver hangs until the door is closed, and then takes everything.
async fn fill_and_drain(db: TestDb, tune: impl FnOnce(&mut Settings)) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.timeout = Duration::from_millis(400);
        settings.delivery.retry_schedule = vec![Duration::from_millis(100); 6000];
        settings.delivery.pause_after = 10_000;
        settings.delivery.in_flight_per_hook = 4;
        tune(settings);
    })
    .await;
    let hangs = Arc::new(AtomicBool::new(true));
    let hung = hangs.clone();
    let rule = move |_: &_| if hung.load(Ordering::SeqCst) { Reply::never() } else { Reply::status(200) };
    let receiver = Receiver::ruled(rule).await;
    scene.hook(&receiver, json!({})).await;
    scene.emit_some(100).await;
    let refused = eventually("the door is closed", async || {
        let answer = emit(&scene).await;
        (answer.status() != 202).then_some(answer)
    })
    .await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let problem: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(problem["status"], 503);
    // Of what is refused nothing is kept, however it came.
    let accepted = scene.app.balance().await.accepted;
    assert_eq!(emit(&scene).await.status(), 503);
    assert_eq!(scene.ask("POST", "/events", batch(&names(10))).await.0, 503);
    assert_eq!(scene.app.balance().await.accepted, accepted);
    // What is wrong is still said to be wrong, and what is not an event is still served.
    assert_eq!(scene.ask("POST", "/events", json!({"type": "nonsense", "data": {}})).await.0, 422);
    scene.get("/hooks").await;
    hangs.store(false, Ordering::SeqCst);
    eventually("everything is delivered", async || (scene.count("delivered").await == accepted).then_some(())).await;
    eventually("the door is open", async || (emit(&scene).await.status() == 202).then_some(())).await;
    eventually("and that is delivered too", async || {
        (scene.count("delivered").await == scene.app.balance().await.accepted).then_some(())
    })
    .await;
    scene.app.assert_balanced().await;
}

async fn emit(scene: &Scene) -> reqwest::Response {
    let event = batch(&names(1))[0].to_string();
    let request = scene.app.request("POST", "/api/v1/events").bearer_auth(&scene.token);
    request.header("content-type", "application/json").body(event).send().await.unwrap()
}
