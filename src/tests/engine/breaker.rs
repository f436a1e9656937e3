//! The circuit breaker: a failing receiver is left alone, gets everything after its recovery, and
//! users are notified.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::scene::{Hook, Scene};
use crate::support::{
    db::TestDb,
    eventually, on_both,
    receiver::{Receiver, Reply},
};

on_both!(
    a_failing_receiver_is_probed_and_gets_its_backlog_at_a_limited_rate,
    a_pause_survives_a_restart,
    a_test_that_succeeds_or_an_edit_ends_a_pause,
    only_a_change_that_may_repair_a_hook_ends_its_pause,
    a_paused_hook_without_held_deliveries_is_probed_with_a_redelivery,
    continuous_failures_turn_the_hook_off,
    a_probe_with_a_410_response_turns_the_hook_off,
    one_failure_degrades_and_one_success_recovers,
);

/// A receiver whose status can be changed while it runs.
async fn moody(status: u16) -> (Receiver, Arc<AtomicU16>) {
    let mood = Arc::new(AtomicU16::new(status));
    let seen = mood.clone();
    (Receiver::ruled(move |_| Reply::status(seen.load(Ordering::SeqCst))).await, mood)
}

const MS: fn(u64) -> Duration = Duration::from_millis;

fn actions(audit: Vec<(String, String)>) -> Vec<String> {
    audit.into_iter().map(|(_, action)| action).collect()
}

async fn a_failing_receiver_is_probed_and_gets_its_backlog_at_a_limited_rate(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.pause_after = 3;
        settings.delivery.first_probe = MS(120);
        settings.delivery.drain_per_second = 500;
        settings.delivery.retry_schedule = vec![MS(20); 30];
    })
    .await;
    let ((down, mood), up) = (moody(500).await, Receiver::start().await);
    let hook = scene.hook(&down, json!({})).await;
    let first = scene.emit_one().await;
    let health = scene.health(&hook, "paused").await;
    assert!(health["next_probe_at"].is_string() && health["paused_since"].is_string(), "{health}");
    assert_eq!(health["failures_in_a_row"], 3);
    let held = scene.delivery_in(&first, "held").await;
    assert_eq!(held["reason"], "the hook is paused: its receiver keeps failing");
    // Neither new events nor another hook of the same event type change that.
    let other = scene.hook(&up, json!({})).await;
    scene.emit_some(600).await;
    up.wait_for(600).await;
    assert_eq!(scene.count("held").await, 601);
    let came = down.wait_for(6).await;
    let gaps: Vec<Duration> =
        came.windows(2).skip(2).map(|two| two[1].elapsed - two[0].elapsed).collect();
    for (gap, least) in gaps.iter().zip([120, 240, 480]) {
        assert!(*gap >= MS(least), "{gaps:?}");
    }
    assert_eq!(down.busiest(), 1, "one probe at a time");
    mood.store(200, Ordering::SeqCst);
    scene.health(&hook, "healthy").await;
    scene.all_in("delivered", 1201).await;
    let came = down.came();
    // One step releases 250 deliveries, and the next follows half a second later.
    let healed = came.len() - 601;
    assert_eq!(came[healed].header("webhook-id"), first, "the oldest delivery is the probe");
    for (position, later) in came[healed + 1..].iter().enumerate() {
        let least = MS(500) * u32::try_from(position / 250).unwrap();
        let took = later.elapsed - came[healed].elapsed;
        assert!(took + MS(2) >= least, "number {position} arrived after {took:?}");
    }
    assert_eq!(
        actions(scene.app.audit(&hook.id).await),
        ["hook.created", "hook.paused", "hook.recovered"]
    );
    assert_eq!(actions(scene.app.audit(&other.id).await), ["hook.created"]);
    assert_eq!(scene.app.audit(&hook.id).await[1].0, "portal");
    scene.app.assert_balanced().await;
}

async fn a_pause_survives_a_restart(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.pause_after = 2;
        settings.delivery.first_probe = MS(2500);
        settings.delivery.retry_schedule = vec![MS(20); 30];
    })
    .await;
    let (receiver, mood) = moody(503).await;
    let hook = scene.hook(&receiver, json!({})).await;
    let event = scene.emit_one().await;
    let before = scene.health(&hook, "paused").await;
    mood.store(200, Ordering::SeqCst);
    let scene = scene.restart().await;
    let after = scene.health(&hook, "paused").await;
    assert_eq!(before, after, "the pause survives the restart");
    scene.emit_some(3).await;
    scene.all_in("delivered", 4).await;
    let delivery = scene.delivery_in(&event, "delivered").await;
    let probe =
        delivery["attempts"].as_array().unwrap().last().unwrap()["started_at"].as_str().unwrap();
    // Both are RFC 3339 with milliseconds.
    assert!(probe >= before["next_probe_at"].as_str().unwrap(), "{probe}: {before}");
    scene.health(&hook, "healthy").await;
    scene.app.assert_balanced().await;
}

async fn a_test_that_succeeds_or_an_edit_ends_a_pause(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.pause_after = 2;
        settings.delivery.retry_schedule = vec![MS(20); 30];
    })
    .await;
    let (receiver, mood) = moody(500).await;
    let hook = scene.hook(&receiver, json!({})).await;
    scene.emit_some(3).await;
    let paused = scene.health(&hook, "paused").await;
    scene.all_in("held", 3).await;
    let test = format!("{}/test", hook.path);
    // A failed test changes nothing.
    let (_, failed) = scene.ask("POST", &test, json!({})).await;
    let still = scene.get(&hook.path).await["health"].clone();
    assert_eq!(
        (&failed["state"], &still["next_probe_at"]),
        (&json!("failed"), &paused["next_probe_at"]),
        "{still}"
    );
    mood.store(204, Ordering::SeqCst);
    let (_, tested) = scene.ask("POST", &test, json!({})).await;
    assert_eq!(tested["state"], "delivered");
    scene.health(&hook, "healthy").await;
    scene.all_in("delivered", 4).await;
    // It fails again and is repaired, and a user edits the hook.
    mood.store(500, Ordering::SeqCst);
    scene.emit_some(2).await;
    scene.health(&hook, "paused").await;
    mood.store(200, Ordering::SeqCst);
    scene.change(&hook, json!({"api_key": "another"})).await;
    scene.all_in("delivered", 6).await;
    assert_eq!(scene.health(&hook, "healthy").await["failures_in_a_row"], 0);
    scene.app.assert_balanced().await;
}

/// Only the failures that were in flight count: each keeps its permit until it is counted.
async fn only_a_change_that_may_repair_a_hook_ends_its_pause(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.pause_after = 3;
        settings.delivery.in_flight_per_hook = 4;
        settings.delivery.retry_schedule = vec![MS(1000 * 3600); 3];
    })
    .await;
    let (down, _) = moody(500).await;
    let hook = scene.hook(&down, json!({})).await;
    scene.emit_some(200).await;
    let paused = scene.health(&hook, "paused").await;
    let before = scene.get(&hook.path).await;
    for patch in [json!({}), json!({"enabled": true}), json!({"name": before["name"]})] {
        let (status, after) = scene.ask("PATCH", &hook.path, patch.clone()).await;
        assert_eq!(
            (status, &after["version"]),
            (200, &before["version"]),
            "{patch} changes nothing"
        );
        assert_eq!(after["health"], paused, "{patch}");
    }
    for patch in
        [json!({"name": "another"}), json!({"in_flight": 3}), json!({"rate_per_second": 100})]
    {
        let (status, after) = scene.ask("PATCH", &hook.path, patch.clone()).await;
        assert_eq!((status, &after["health"]), (200, &paused), "{patch}");
    }
    let url = down.url("/elsewhere");
    let (status, after) =
        scene.ask("PATCH", &hook.path, json!({"callback_url": url, "api_key": "k"})).await;
    // The next attempt may have failed before the hook was read for the response.
    assert_eq!((status, &after["health"]["paused_since"]), (200, &json!(null)), "{after}");
    let again = scene.health(&hook, "paused").await;
    let failures = again["failures_in_a_row"].as_i64().unwrap();
    assert!(failures < 3 + 4, "{failures} failures before it was paused again");
}

async fn a_paused_hook_without_held_deliveries_is_probed_with_a_redelivery(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.pause_after = 1;
        settings.delivery.first_probe = MS(100);
        settings.delivery.retry_schedule.clear();
    })
    .await;
    let (receiver, mood) = moody(500).await;
    let hook = scene.hook(&receiver, json!({})).await;
    let event = scene.emit_one().await;
    let failed = scene.delivery_in(&event, "failed").await;
    let health = scene.health(&hook, "paused").await;
    // Its probe is due, but there is no delivery to probe with.
    eventually("the probe is due", async || {
        let now = scene.app.running.portal.clock().now().rfc3339();
        (now.as_str() > health["next_probe_at"].as_str().unwrap()).then_some(())
    })
    .await;
    mood.store(200, Ordering::SeqCst);
    let again = format!("/deliveries/{}/redeliver", failed["id"].as_str().unwrap());
    assert_eq!(scene.ask("POST", &again, Value::Null).await.0, 202);
    scene.delivery_in(&event, "delivered").await;
    scene.health(&hook, "healthy").await;
    scene.app.assert_balanced().await;
}

async fn continuous_failures_turn_the_hook_off(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.pause_after = 2;
        settings.delivery.first_probe = MS(60);
        settings.delivery.longest_probe = MS(120);
        settings.delivery.give_up_after = MS(900);
        settings.delivery.retry_schedule = vec![MS(20); 30];
    })
    .await;
    let ((down, _), up) = (moody(500).await, Receiver::start().await);
    let (hook, other) = (scene.hook(&down, json!({})).await, scene.hook(&up, json!({})).await);
    scene.emit_some(2).await;
    scene.health(&hook, "off").await;
    let off = scene.get(&hook.path).await;
    let reason = off["off_reason"].as_str();
    assert_eq!(
        (&off["enabled"], reason),
        (&json!(false), Some("every delivery failed for 900 ms")),
        "{off}"
    );
    assert_eq!(scene.get(&other.path).await["enabled"], true);
    let actions = actions(scene.app.audit(&hook.id).await);
    assert_eq!(actions, ["hook.created", "hook.paused", "hook.switched_off"]);
    // Held deliveries wait for a user's decision; new ones are skipped; nothing is sent.
    scene.all_in("held", 2).await;
    let sent = down.came().len();
    scene.emit_some(2).await;
    up.wait_for(4).await;
    scene.all_in("delivered", 4).await;
    assert_eq!(
        (scene.count("skipped").await, scene.count("held").await, down.came().len()),
        (2, 2, sent)
    );
    scene.app.assert_balanced().await;
}

async fn a_probe_with_a_410_response_turns_the_hook_off(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.pause_after = 2;
        settings.delivery.first_probe = MS(150);
        settings.delivery.retry_schedule = vec![MS(20); 30];
    })
    .await;
    let (receiver, mood) = moody(500).await;
    let hook = scene.hook(&receiver, json!({})).await;
    let events = scene.emit_some(2).await;
    scene.health(&hook, "paused").await;
    mood.store(410, Ordering::SeqCst);
    scene.health(&hook, "off").await;
    let off = scene.get(&hook.path).await;
    assert_eq!(off["off_reason"], "the receiver answered 410 Gone");
    scene.delivery_in(&events[0], "failed").await;
    scene.delivery_in(&events[1], "held").await;
    // The reason is about the URL: it stays with another name, and goes with another URL.
    let named = scene.change(&hook, json!({"name": "Renamed"})).await;
    assert_eq!(named["off_reason"], "the receiver answered 410 Gone");
    let moved = scene.change(&hook, json!({"callback_url": receiver.url("/moved")})).await;
    assert_eq!((moved.get("off_reason"), &moved["enabled"]), (None, &json!(false)));
    // A user turns the hook on, and held deliveries are sent.
    mood.store(200, Ordering::SeqCst);
    let on = scene.change(&hook, json!({"enabled": true})).await;
    assert_eq!((on["health"]["state"].as_str(), on.get("off_reason")), (Some("healthy"), None));
    scene.delivery_in(&events[1], "delivered").await;
    scene.app.assert_balanced().await;
}

async fn one_failure_degrades_and_one_success_recovers(db: TestDb) {
    let scene =
        Scene::start(db, |settings| settings.delivery.retry_schedule = vec![MS(3_600_000)]).await;
    let receiver = Receiver::start().await;
    let hook: Hook = scene.hook(&receiver, json!({})).await;
    assert_eq!(scene.get(&hook.path).await["health"]["state"], "healthy");
    receiver.reply([Reply::status(500)]);
    scene.emit_one().await;
    let health = scene.health(&hook, "degraded").await;
    assert_eq!((&health["failures_in_a_row"], &health["next_probe_at"]), (&json!(1), &Value::Null));
    assert!(health["failing_since"].is_string());
    let event = scene.emit_one().await;
    scene.delivery_in(&event, "delivered").await;
    assert_eq!(scene.health(&hook, "healthy").await["failing_since"], Value::Null);
    // The list shows the same.
    let listed = scene.get("/hooks").await;
    assert_eq!(listed["items"][0]["health"]["state"], "healthy");
    scene.app.assert_balanced().await;
}
