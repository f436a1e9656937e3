//! Emitting over HTTP: single events, batches, repeats.

use serde_json::{Value, json};
use service_hooks::{domain::event::EventType, engine::catalogue::sample};

use crate::support::{app::TestApp, db::TestDb, on_both, receiver::Receiver};

on_both!(
    one_and_many,
    an_idempotency_key_over_http,
    a_repeated_idempotency_key_loads_no_lane,
    an_ordering_key_may_be_any_text,
    an_event_shows_all_its_deliveries,
);

fn event(event_type: EventType) -> String {
    format!(r#"{{"type":"{}","data":{}}}"#, event_type.key(), sample(event_type))
}

async fn one_and_many(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let (status, one) = app.api_raw(&token, "/events", event(EventType::WorkItemClosed)).await;
    assert_eq!((status, &one["deliveries"]), (202, &json!(1)));
    let (status, none) =
        app.api_raw(&token, "/events", event(EventType::OutboundCallInitiated)).await;
    assert_eq!((status, &none["deliveries"]), (202, &json!(0)));
    let batch = format!(" [{}]", vec![event(EventType::WorkItemClosed); 1000].join(","));
    let (status, many) = app.api_raw(&token, "/events", batch).await;
    assert_eq!(status, 202, "{many}");
    let ids: std::collections::HashSet<&str> =
        many.as_array().unwrap().iter().map(|accepted| accepted["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1000);
    let came = receiver.wait_for(1001).await;
    let arrived: std::collections::HashSet<&str> =
        came.iter().map(|came| came.header("webhook-id")).collect();
    assert!(
        arrived.is_superset(&ids)
            && arrived.contains(one["id"].as_str().unwrap())
            && came.len() == 1001
    );
    let too_many = format!("[{}]", vec!["{}"; 1001].join(","));
    assert_eq!(app.api_raw(&token, "/events", too_many).await.0, 422);
    app.assert_balanced().await;
}

async fn an_idempotency_key_over_http(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let post = async |key: &str, body: String| {
        let request = app
            .request("POST", "/api/v1/events")
            .bearer_auth(&token)
            .header("Idempotency-Key", key);
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        let replayed = answer.headers().get("idempotency-replayed").is_some_and(|it| it == "true");
        (status, serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap(), replayed)
    };
    let first = post("key-1", event(EventType::WorkItemClosed)).await;
    assert_eq!((first.0, first.2), (202, false));
    let again = post("key-1", event(EventType::WorkItemClosed)).await;
    assert_eq!((again.0, &again.1, again.2), (202, &first.1, true));
    let batch = || format!("[{}]", event(EventType::WorkItemClosed));
    assert!(!post("batch", batch()).await.2 && post("batch", batch()).await.2);
    let (status, problem, _) = post("key-1", event(EventType::OutboundCallInitiated)).await;
    assert_eq!((status, problem["errors"][0]["field"].as_str()), (422, Some("Idempotency-Key")));
    assert_ne!(post("key-2", event(EventType::WorkItemClosed)).await.1["id"], first.1["id"]);
    assert_eq!(post(&"k".repeat(256), event(EventType::WorkItemClosed)).await.0, 422);
    // A rejected request does not use its key.
    assert_eq!(post("key-3", "{}".into()).await.0, 422);
    assert_eq!(post("key-3", event(EventType::WorkItemClosed)).await.0, 202);
    app.assert_balanced().await;
}

/// Number of loads of lanes from the database.
async fn loads(app: &TestApp) -> f64 {
    let figures = app.request("GET", "/metrics").send().await.unwrap().text().await.unwrap();
    let count = |line: &str| {
        line.strip_prefix("service_hooks_lane_load_duration_seconds_count")?.trim().parse().ok()
    };
    figures.lines().find_map(count).unwrap_or(0.0)
}

async fn a_repeated_idempotency_key_loads_no_lane(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    for _ in 0..60 {
        app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    }
    let post = async || {
        let request = app
            .request("POST", "/api/v1/events")
            .bearer_auth(&token)
            .header("Idempotency-Key", "key");
        let answer = request.body(event(EventType::WorkItemClosed)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let first = post().await;
    assert_eq!(first.0, 202, "{}", first.1);
    receiver.wait_for(60).await;
    let before = loads(&app).await;
    for _ in 0..200 {
        assert_eq!(post().await, first);
    }
    let read = loads(&app).await - before;
    // Lanes also poll the database from time to time; 200 times 60 loads would be 12,000.
    assert!(read < 1000.0, "200 repeats caused {read} loads of lanes");
    assert_eq!(receiver.came().len(), 60);
    app.assert_balanced().await;
}

/// Also text that a database cannot store (NUL) or index (thousands of characters).
async fn an_ordering_key_may_be_any_text(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    let hook = json!({"name": "ordered", "event_type": "work_item.closed",
        "callback_url": receiver.url("/in"),
                      "api_key": "the-key", "enabled": true, "order_by": "customerIdentifier"});
    let (status, hook) = app.api(&token, "POST", "/hooks", Some(hook)).await;
    assert_eq!(status, 201, "{hook}");
    let long = "k".repeat(9000);
    for value in ["a\u{0}b", long.as_str(), "é", "\u{1f600}", "a\u{0}b", long.as_str()] {
        let mut data: Value = serde_json::from_str(sample(EventType::WorkItemClosed)).unwrap();
        data["customerIdentifier"] = json!(value);
        let body = json!({"type": "work_item.closed", "data": data});
        let (status, accepted) = app.api(&token, "POST", "/events", Some(body)).await;
        assert_eq!(status, 202, "{accepted}");
        app.delivery_in(&token, accepted["id"].as_str().unwrap(), "delivered").await;
    }
    app.assert_balanced().await;
}

async fn an_event_shows_all_its_deliveries(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let hook = app.hook(&token, EventType::ConversationAbandoned, &receiver).await;
    let id = app.emit_sample(&token, EventType::ConversationAbandoned).await;
    let delivery = app.delivery_in(&token, &id, "delivered").await;
    let (_, story) = app.api(&token, "GET", &format!("/events/{id}"), None).await;
    assert_eq!(story["type"], "conversation.abandoned");
    assert_eq!(story["data"]["queue"], "Support");
    assert_eq!(delivery["hook_id"], hook["id"]);
    assert_eq!(delivery["attempts"][0]["status"], 200);
    assert_eq!(delivery["attempts"][0]["response_body"], "answer");
    let (_, page) = app
        .api(
            &token,
            "GET",
            &format!("/deliveries?hook={}&event={id}", hook["id"].as_str().unwrap()),
            None,
        )
        .await;
    assert_eq!(page["items"][0]["id"], delivery["id"]);
    assert_eq!(page["next_cursor"], Value::Null);
    let one = app
        .api(&token, "GET", &format!("/deliveries/{}", delivery["id"].as_str().unwrap()), None)
        .await
        .1;
    assert_eq!(one["attempts"], delivery["attempts"]);
    app.assert_balanced().await;
}
