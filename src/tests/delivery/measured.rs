//! The timing of attempts, and the hourly statistics.

use serde_json::{Value, json};
use service_hooks::{
    domain::{
        event::EventType,
        id::HookId,
        measured::Hour,
        permission::{Actor, right},
    },
    engine::{clock::Clock, store::measured},
};

use crate::support::{
    app::TestApp,
    db::TestDb,
    on_both,
    receiver::{Receiver, Reply},
};

on_both!(an_attempt_has_the_duration_of_each_phase, attempts_are_counted_by_hour_without_tests);

const EVENT: EventType = EventType::WorkItemClosed;

async fn attempts_of(app: &TestApp, token: &str, event: &str) -> Vec<Value> {
    let delivery = app.delivery_in(token, event, "delivered").await;
    let (_, found) = app.api(token, "GET", &format!("/events/{event}"), None).await;
    let delivery = found["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["id"] == delivery["id"])
        .unwrap();
    delivery["attempts"].as_array().unwrap().clone()
}

/// Tests a hook that leads to `url` and returns the attempt.
async fn tested(app: &TestApp, token: &str, url: &str) -> Value {
    let body = json!({"name": "n", "event_type": EVENT.key(), "callback_url": url, "api_key": "k"});
    let (status, hook) = app.api(token, "POST", "/hooks", Some(body)).await;
    assert_eq!(status, 201, "{hook}");
    let (_, test) = app
        .api(token, "POST", &format!("/hooks/{}/test", hook["id"].as_str().unwrap()), None)
        .await;
    test["attempts"][0].clone()
}

async fn an_attempt_has_the_duration_of_each_phase(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    app.hook(&token, EVENT, &receiver).await;
    let first = app.emit_sample(&token, EVENT).await;
    let first = attempts_of(&app, &token, &first).await.remove(0);
    let second = app.emit_sample(&token, EVENT).await;
    let second = attempts_of(&app, &token, &second).await.remove(0);
    // An IP address needs no lookup and plain HTTP no handshake; the second request reuses the
    // connection.
    for (attempt, is_new) in [(&first, true), (&second, false)] {
        let timing = &attempt["timing"];
        assert_eq!(timing["connect_us"].is_i64(), is_new, "{attempt}");
        assert!(timing["dns_us"].is_null() && timing["tls_us"].is_null(), "{attempt}");
        assert!(timing["first_byte_us"].is_i64() && timing["body_us"].is_i64(), "{attempt}");
        // The duration is the response time, without the body.
        let parts = timing.as_object().unwrap().iter().filter(|(name, _)| *name != "body_us");
        let parts: i64 = parts.filter_map(|(_, micros)| micros.as_i64()).sum();
        assert!(parts <= (attempt["duration_ms"].as_i64().unwrap() + 1) * 1000, "{attempt}");
        assert_eq!(attempt["address"], receiver.address.to_string(), "{attempt}");
    }
    let by_name =
        tested(&app, &token, &format!("http://localhost:{}/", receiver.address.port())).await;
    assert!(
        by_name["timing"]["dns_us"].is_i64() && by_name["timing"]["connect_us"].is_i64(),
        "{by_name}"
    );
    // It connects, but the receiver does not speak TLS: the handshake began and no later phase did.
    let no_tls = tested(&app, &token, &format!("https://{}/", receiver.address)).await;
    let timing = &no_tls["timing"];
    assert!(
        no_tls["class"] == "tls" && timing["connect_us"].is_i64() && timing["tls_us"].is_i64(),
        "{no_tls}"
    );
    assert!(timing["first_byte_us"].is_null() && timing["body_us"].is_null(), "{no_tls}");
}

async fn attempts_are_counted_by_hour_without_tests(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::status(500), Reply::status(503)]);
    let before = Hour::of(Clock::System.now());
    let hook = app.hook(&token, EVENT, &receiver).await["id"].as_str().unwrap().to_owned();
    let event = app.emit_sample(&token, EVENT).await;
    assert_eq!(attempts_of(&app, &token, &event).await.len(), 3);
    app.api(&token, "POST", &format!("/hooks/{hook}/test"), None).await;
    let event = app.emit_sample(&token, EVENT).await;
    attempts_of(&app, &token, &event).await;

    let hook = HookId(hook.parse().unwrap());
    let grant = Actor::portal().require(right::DeliveriesRead).unwrap();
    let store = app.running.portal.store();
    let mut conn = store.read().await.unwrap();
    let mut sums = std::collections::BTreeMap::new();
    for counted in measured::since(&mut conn, &grant, None, before).await.unwrap() {
        *sums.entry(counted.class).or_insert(0) += counted.count;
    }
    assert_eq!(sums, [("server_error".to_owned(), 2), ("success".to_owned(), 2)].into());
    let latencies = measured::latencies(&mut conn, &grant, hook, before).await.unwrap();
    assert_eq!(latencies.iter().map(|(_, _, count)| count).sum::<i64>(), 4);
    let later = Hour(before.0 + 2);
    assert!(measured::since(&mut conn, &grant, Some(hook), later).await.unwrap().is_empty());
}
