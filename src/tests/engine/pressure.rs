//! A backlog above its limits: producers get 503, nothing of a rejected request is stored, and the
//! limit is lifted automatically.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use service_hooks::{domain::event::EventType, engine::config::Settings};

use super::scene::{Hook, Scene, batch, names};
use crate::support::{
    db::TestDb,
    eventually, on_both,
    receiver::{Receiver, Reply},
    within,
};

on_both!(
    too_many_bytes_are_refused_until_they_are_delivered,
    an_old_backlog_rejects_events_until_it_is_delivered,
    one_failing_hook_does_not_block_others,
    events_beyond_a_slow_hooks_limit_are_skipped_and_recoverable,
);

async fn too_many_bytes_are_refused_until_they_are_delivered(db: TestDb) {
    // The test is about the limit of all hooks: a single hook may have more.
    fill_and_drain(db, |settings| {
        settings.limits.queued_bytes = 40_000;
        settings.limits.hook_bytes = Some(1_000_000);
    })
    .await;
}

async fn an_old_backlog_rejects_events_until_it_is_delivered(db: TestDb) {
    fill_and_drain(db, |settings| {
        settings.limits.queued_age = Duration::from_millis(500);
        settings.limits.hook_age = Some(Duration::from_secs(3600));
    })
    .await;
}

/// The receiver hangs until events are rejected, and then accepts everything.
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
    let rule =
        move |_: &_| if hung.load(Ordering::SeqCst) { Reply::never() } else { Reply::status(200) };
    let receiver = Receiver::ruled(rule).await;
    scene.hook(&receiver, json!({})).await;
    scene.emit_some(100).await;
    let refused = eventually("events are rejected", async || {
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
    assert!(problem["detail"].as_str().unwrap().contains("queue is full"), "{problem}");
    // Nothing of rejected requests is stored, on any route.
    let accepted = scene.app.balance().await.accepted;
    assert_eq!(emit(&scene).await.status(), 503);
    assert_eq!(scene.ask("POST", "/events", batch(&names(10))).await.0, 503);
    assert_eq!(scene.app.balance().await.accepted, accepted);
    // Invalid requests still get their errors, and other requests are still served.
    assert_eq!(scene.ask("POST", "/events", json!({"type": "nonsense", "data": {}})).await.0, 422);
    scene.get("/hooks").await;
    hangs.store(false, Ordering::SeqCst);
    eventually("everything is delivered", async || {
        (scene.count("delivered").await == accepted).then_some(())
    })
    .await;
    eventually("events are accepted", async || (emit(&scene).await.status() == 202).then_some(()))
        .await;
    eventually("and that is delivered too", async || {
        (scene.count("delivered").await == scene.app.balance().await.accepted).then_some(())
    })
    .await;
    scene.app.assert_balanced().await;
}

/// Deliveries of a hook in a state, with their reasons.
async fn of_hook(scene: &Scene, hook: &Hook, state: &str) -> Vec<String> {
    let page = scene.get(&format!("/deliveries?hook={}&state={state}&limit=200", hook.id)).await;
    let reason = |delivery: &Value| delivery["reason"].as_str().unwrap_or_default().to_owned();
    page["items"].as_array().unwrap().iter().map(reason).collect()
}

/// Emits until a delivery is skipped.
async fn overflow(scene: &Scene, hook: &Hook) -> String {
    eventually("new events for the hook are skipped", async || {
        assert_eq!(emit(scene).await.status(), 202, "an event was rejected because of one hook");
        of_hook(scene, hook, "skipped").await.pop()
    })
    .await
}

async fn one_failing_hook_does_not_block_others(db: TestDb) {
    const OTHER: EventType = EventType::OutboundCallInitiated;
    let scene = Scene::start(db, |settings| {
        settings.limits.hook_bytes = Some(5_000);
        // A delivery that fails while the hook is being paused is retried within this time after
        // the repair.
        settings.delivery.retry_schedule = vec![Duration::from_millis(100); 60];
        settings.delivery.pause_after = 3;
    })
    .await;
    let is_healthy = Arc::new(AtomicBool::new(false));
    let well = is_healthy.clone();
    let rule = move |_: &_| Reply::status(if well.load(Ordering::SeqCst) { 200 } else { 500 });
    let (down, other) = (Receiver::ruled(rule).await, Receiver::start().await);
    let hook = scene.hook(&down, json!({})).await;
    scene.hook(&other, json!({"event_type": OTHER.key()})).await;
    scene.emit_some(20).await;
    let reason = overflow(&scene, &hook).await;
    assert!(reason.starts_with("the hook's queue is full: too many bytes"), "{reason}");
    // With and without a key, single and in batches; other hooks deliver as usual.
    let request = scene.app.request("POST", "/api/v1/events").bearer_auth(&scene.token);
    let keyed =
        request.header("idempotency-key", "a key").header("content-type", "application/json");
    let before = of_hook(&scene, &hook, "skipped").await.len();
    assert_eq!(keyed.body(batch(&names(1))[0].to_string()).send().await.unwrap().status(), 202);
    scene.emit_some(3).await;
    assert_eq!(of_hook(&scene, &hook, "skipped").await.len(), before + 4);
    let event = scene.app.emit_sample(&scene.token, OTHER).await;
    scene.delivery_in(&event, "delivered").await;
    // Repaired: waiting deliveries are sent, then new events, and skipped ones are recovered.
    is_healthy.store(true, Ordering::SeqCst);
    assert_eq!(scene.ask("POST", &format!("{}/try-now", hook.path), json!({})).await.0, 202);
    eventually("the queue is below its limit", async || {
        let event = scene.emit_one().await;
        let story = scene.get(&format!("/events/{event}")).await;
        (story["deliveries"][0]["state"] != "skipped").then_some(())
    })
    .await;
    let recover = json!({"since": "2020-01-01T00:00:00Z", "per_second": 1000});
    assert_eq!(scene.ask("POST", &format!("{}/recover", hook.path), recover).await.0, 202);
    within(60, "everything is delivered", async || {
        (scene.count("delivered").await == scene.app.balance().await.accepted).then_some(())
    })
    .await;
    scene.app.assert_balanced().await;
}

async fn events_beyond_a_slow_hooks_limit_are_skipped_and_recoverable(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.limits.hook_age = Some(Duration::from_millis(300));
        // The limit is far exceeded, but no event is rejected because of a hook over its own limit.
        settings.limits.queued_age = Duration::from_millis(301);
    })
    .await;
    let receiver = Receiver::start().await;
    let hook = scene.hook(&receiver, json!({"rate_per_second": 1})).await;
    scene.emit_some(30).await;
    let reason = overflow(&scene, &hook).await;
    assert!(reason.starts_with("the hook's queue is full: its oldest"), "{reason}");
    scene.change(&hook, json!({"rate_per_second": null})).await;
    eventually("the queue is below its limit", async || {
        let event = scene.emit_one().await;
        let story = scene.get(&format!("/events/{event}")).await;
        (story["deliveries"][0]["state"] != "skipped").then_some(())
    })
    .await;
    scene.app.assert_balanced().await;
}

async fn emit(scene: &Scene) -> reqwest::Response {
    let event = batch(&names(1))[0].to_string();
    let request = scene.app.request("POST", "/api/v1/events").bearer_auth(&scene.token);
    request.header("content-type", "application/json").body(event).send().await.unwrap()
}
