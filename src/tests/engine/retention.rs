//! Retention deletes old bodies, then deliveries; keeps open deliveries; the balance holds; and
//! deliveries are not delayed.

use std::time::Duration;

use serde_json::{Value, json};
use service_hooks::engine::{
    clock::Clock,
    config::{Retention, Settings},
    dispatcher::Config,
};

use super::scene::{EVENT, Scene};
use crate::support::{
    app::TestApp,
    db::{self, TestDb},
    eventually, on_both,
    receiver::{Receiver, Reply},
    sql,
};

on_both!(
    bodies_are_deleted_first_and_pages_show_it,
    settled_deliveries_are_deleted_and_open_ones_are_kept,
    thousands_of_rows_are_deleted_in_steps_during_deliveries,
    ordering_keys_are_deleted_with_the_bodies,
    retention_deletes_old_audit_log_entries,
);

const MS: fn(u64) -> Duration = Duration::from_millis;
const NEVER: Duration = Duration::from_secs(3600);

fn keeps(payloads: Duration, deliveries: Duration) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.retention =
            Retention { payloads, deliveries, every: MS(100), ..Retention::default() };
        settings.delivery.retry_schedule = vec![NEVER];
        settings.delivery.pause_after = 10_000;
    }
}

/// Waits until an event's body is deleted.
async fn body_is_gone(scene: &Scene, event: &str) -> Value {
    eventually("the body is removed", async || {
        let story = scene.get(&format!("/events/{event}")).await;
        story["data"].is_null().then_some(story)
    })
    .await
}

async fn bodies_are_deleted_first_and_pages_show_it(db: TestDb) {
    let scene = Scene::start(db, keeps(MS(300), NEVER)).await;
    let receiver = Receiver::start().await;
    let hook = scene.hook(&receiver, json!({})).await;
    receiver.reply([Reply::status(500)]);
    let waits = scene.emit_one().await;
    scene.delivery_in(&waits, "waiting").await;
    let event = scene.emit_one().await;
    scene.delivery_in(&event, "delivered").await;
    let story = body_is_gone(&scene, &event).await;
    let delivery = &story["deliveries"][0];
    assert_eq!(
        (delivery["state"].as_str(), delivery["attempt_count"].as_u64()),
        (Some("delivered"), Some(1))
    );
    let attempt = &delivery["attempts"][0];
    assert_eq!(
        (&attempt["response_body"], &attempt["response_headers"]),
        (&json!(""), &json!([])),
        "nor the answer's"
    );
    // An open delivery keeps its body, however old it is.
    assert!(scene.get(&format!("/events/{waits}")).await["data"].is_object());
    // It cannot be redelivered, and the error says why; a job skips and counts it.
    let again = format!("/deliveries/{}/redeliver", delivery["id"].as_str().unwrap());
    let (status, problem) = scene.ask("POST", &again, Value::Null).await;
    assert_eq!(status, 422, "{problem}");
    assert!(
        problem["errors"][0]["message"].as_str().unwrap().contains("payload was removed"),
        "{problem}"
    );
    let (_, job) = scene
        .ask("POST", "/deliveries/redeliver", json!({"states": ["delivered"], "per_second": 1000}))
        .await;
    let job = eventually("the job is done", async || {
        let job = scene.get(&format!("/jobs/{}", job["id"].as_str().unwrap())).await;
        (job["state"] == "done").then_some(job)
    })
    .await;
    assert_eq!(
        (job["total"].as_i64(), job["done"].as_i64(), job["skipped"].as_i64()),
        (Some(1), Some(0), Some(1))
    );
    assert_eq!(receiver.came().len(), 2, "no empty body was ever sent");
    // Once it is settled, its body is deleted too.
    assert_eq!(scene.app.api(&scene.token, "DELETE", &hook.path, None).await.0, 204);
    body_is_gone(&scene, &waits).await;
    scene.app.assert_balanced().await;
}

async fn settled_deliveries_are_deleted_and_open_ones_are_kept(db: TestDb) {
    let scene = Scene::start(db, keeps(MS(200), MS(700))).await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let held = scene.hook(&receiver, json!({})).await;
    receiver.reply([Reply::status(500)]);
    let waits = scene.emit_one().await;
    scene.delivery_in(&waits, "waiting").await;
    scene.change(&held, json!({"enabled": false})).await;
    scene.delivery_in(&waits, "held").await;
    // Skipped for one hook, waiting for the other: the event is kept while one is open.
    let waiting = scene.hook(&other, json!({})).await;
    other.reply([Reply::status(500)]);
    let half = scene.emit_one().await;
    other.reply([Reply::status(200)]);
    eventually("one waits", async || (scene.count("waiting").await == 1).then_some(())).await;
    let gone = scene.emit_one().await;
    eventually("the settled ones are removed", async || {
        let balance = scene.app.balance().await;
        assert!(balance.holds(), "{balance:?}");
        (balance.pruned == 3).then_some(())
    })
    .await;
    eventually("and their event", async || {
        let (status, _) =
            scene.app.api(&scene.token, "GET", &format!("/events/{gone}"), None).await;
        (status == 404).then_some(())
    })
    .await;
    let story = scene.get(&format!("/events/{half}")).await;
    assert_eq!(
        (story["data"].is_object(), story["deliveries"].as_array().unwrap().len()),
        (true, 1),
        "{story}"
    );
    assert!(scene.get(&format!("/events/{waits}")).await["data"].is_object());
    // It is delivered completely when its time comes.
    scene.change(&held, json!({"enabled": true})).await;
    scene.change(&waiting, json!({"retry_schedule": ["1ms"]})).await;
    let came = receiver.wait_for(2).await;
    assert_eq!(
        (came[1].header("webhook-id"), came[1].body.len()),
        (waits.as_str(), came[0].body.len())
    );
    scene.app.assert_balanced().await;
}

/// A portal with a clock that the test sets.
async fn timed(db: TestDb, tune: impl FnOnce(&mut Settings)) -> (Scene, Clock) {
    let mut settings = db.settings();
    tune(&mut settings);
    let clock = Clock::test(Clock::System.now());
    let config = Config { clock: clock.clone(), ..db::config(settings.clone()) };
    let app = TestApp::start_with(db.into(), config).await;
    let token = app.full_token().await;
    (Scene { app, token, settings }, clock)
}

async fn ordering_keys_are_deleted_with_the_bodies(db: TestDb) {
    let (scene, clock) = timed(db, keeps(NEVER, 100 * NEVER)).await;
    let receiver = Receiver::start().await;
    scene.hook(&receiver, json!({"order_by": "customerIdentifier"})).await;
    let event = scene.emit(&[("one", "+49 151 1234567")]).await.remove(0);
    scene.delivery_in(&event, "delivered").await;
    let url = scene.settings.database_url();
    let ordered = "SELECT COUNT(*) FROM deliveries WHERE order_key IS NOT NULL";
    assert_eq!(sql::number(&url, ordered).await.unwrap(), 1);
    clock.advance(2 * NEVER);
    body_is_gone(&scene, &event).await;
    assert_eq!(sql::number(&url, ordered).await.unwrap(), 0, "the ordering key was not deleted");
    scene.app.assert_balanced().await;
}

async fn retention_deletes_old_audit_log_entries(db: TestDb) {
    let (scene, clock) = timed(db, |settings| {
        settings.retention.every = MS(20);
        settings.retention.audit = NEVER;
    })
    .await;
    let receiver = Receiver::start().await;
    let old = scene.hook(&receiver, json!({})).await;
    clock.advance(2 * NEVER);
    let new = scene.hook(&receiver, json!({})).await;
    eventually("the old line is removed", async || {
        scene.app.audit(&old.id).await.is_empty().then_some(())
    })
    .await;
    assert_eq!(scene.app.audit(&new.id).await.len(), 1);
}

async fn thousands_of_rows_are_deleted_in_steps_during_deliveries(db: TestDb) {
    let (scene, clock) =
        timed(db, keeps(Duration::from_secs(3600), Duration::from_secs(7200))).await;
    let receiver = Receiver::start().await;
    // Skipped deliveries are settled too, and sooner.
    let off = scene.hook(&receiver, json!({"enabled": false})).await;
    scene.emit_some(2800).await;
    assert_eq!(scene.app.api(&scene.token, "DELETE", &off.path, None).await.0, 204);
    scene.hook(&receiver, json!({})).await;
    scene.emit_some(200).await;
    scene.all_in("delivered", 200).await;
    // Between the two limits only bodies are deleted.
    clock.advance(Duration::from_secs(5400));
    let (_, page) = scene.app.api(&scene.token, "GET", "/deliveries?limit=1", None).await;
    let newest = page["items"][0]["event_id"].as_str().unwrap().to_owned();
    body_is_gone(&scene, &newest).await;
    assert_eq!(scene.app.balance().await.pruned, 0);
    // Then the rows too, and new events are delivered at once.
    clock.advance(Duration::from_secs(3600));
    let mut fresh = 0;
    eventually("all of it is removed", async || {
        scene.app.emit_sample(&scene.token, EVENT).await;
        fresh += 1;
        receiver.wait_for(200 + fresh).await;
        (scene.app.balance().await.pruned == 3000).then_some(())
    })
    .await;
    eventually("new deliveries are kept", async || {
        (scene.count("delivered").await == fresh as i64).then_some(())
    })
    .await;
    let balance = scene.app.balance().await;
    assert_eq!(
        (balance.accepted, balance.pruned, balance.holds()),
        (3000 + fresh as i64, 3000, true)
    );
}
