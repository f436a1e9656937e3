//! Results of deliveries when receivers misbehave, hooks are switched on or off, or the program
//! restarts.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use service_hooks::domain::event::EventType;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
};

use crate::support::{
    app::TestApp,
    db::{self, TestDb},
    eventually, on_both,
    receiver::{Receiver, Reply},
};

on_both!(
    rejections_are_retried_until_the_schedule_is_used_up,
    a_410_turns_the_hook_off,
    redirects_are_not_followed_and_the_key_is_not_leaked,
    silent_and_invalid_responses_end_at_the_deadline,
    a_huge_response_is_read_only_as_far_as_needed,
    a_hook_that_is_off_skips_new_events_and_holds_waiting_ones,
    two_hooks_on_one_event_are_independent,
    a_restart_resumes,
    deleting_a_hook_cancels_waiting_deliveries,
    a_repaired_hook_is_not_turned_off_by_a_410_of_its_old_url,
    a_change_applies_once_it_is_acknowledged,
    a_settled_delivery_can_be_sent_again,
);

const EVENT: EventType = EventType::WorkItemClosed;

fn classes(delivery: &Value) -> Vec<&str> {
    delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tried| tried["class"].as_str().unwrap())
        .collect()
}

async fn rejections_are_retried_until_the_schedule_is_used_up(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    receiver.reply([400, 302, 429, 500].map(Reply::status));
    app.hook(&token, EVENT, &receiver).await;
    let event = app.emit_sample(&token, EVENT).await;
    let delivery = app.delivery_in(&token, &event, "failed").await;
    assert_eq!(classes(&delivery), ["client_error", "redirect", "throttled", "server_error"]);
    assert_eq!((&delivery["next_attempt_at"], receiver.came().len()), (&Value::Null, 4));
    app.assert_balanced().await;
}

async fn a_410_turns_the_hook_off(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::status(410)]);
    let hook = app.hook(&token, EVENT, &receiver).await;
    let path = format!("/hooks/{}", hook["id"].as_str().unwrap());
    let event = app.emit_sample(&token, EVENT).await;
    let delivery = app.delivery_in(&token, &event, "failed").await;
    assert_eq!(classes(&delivery), ["gone"]);
    let (_, hook) = app.api(&token, "GET", &path, None).await;
    assert_eq!(
        (&hook["enabled"], hook["off_reason"].as_str()),
        (&json!(false), Some("the receiver answered 410 Gone"))
    );
    let later = app.emit_sample(&token, EVENT).await;
    app.delivery_in(&token, &later, "skipped").await;
    // A user turns it on again.
    let (_, hook) = app.api(&token, "PATCH", &path, Some(json!({"enabled": true}))).await;
    assert!(hook.get("off_reason").is_none());
    let again = app.emit_sample(&token, EVENT).await;
    app.delivery_in(&token, &again, "delivered").await;
    app.assert_balanced().await;
}

async fn redirects_are_not_followed_and_the_key_is_not_leaked(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let to_other = |status| Reply {
        headers: vec![("location", other.url("/stolen"))],
        ..Reply::status(status)
    };
    receiver.reply([301, 303, 307, 308].map(to_other));
    app.hook(&token, EVENT, &receiver).await;
    let event = app.emit_sample(&token, EVENT).await;
    let delivery = app.delivery_in(&token, &event, "failed").await;
    assert_eq!(classes(&delivery), ["redirect"; 4]);
    assert!(other.came().is_empty());
}

/// A server that handles each connection with `conduct`.
async fn raw_server<F>(conduct: impl Fn(tokio::net::TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(conduct(stream));
        }
    });
    format!("http://{address}/")
}

/// Reads a request and then sends `pieces` with pauses, the last one repeatedly.
async fn drip(mut stream: tokio::net::TcpStream, pieces: &'static [&'static str]) {
    let mut buffer = [0; 8192];
    let _head = stream.read(&mut buffer).await;
    let mut pieces = pieces.iter();
    let mut piece = pieces.next();
    while let Some(text) = piece {
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        piece = pieces.next().or(piece);
    }
    std::future::pending::<()>().await;
}

async fn silent_and_invalid_responses_end_at_the_deadline(db: TestDb) {
    let mut settings = db.settings();
    settings.delivery.retry_schedule.clear();
    let app = TestApp::start_with(db.into(), db::config(settings)).await;
    let token = app.full_token().await;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let rows = [
        (raw_server(|stream| drip(stream, &[])).await, "timeout"),
        (raw_server(|stream| drip(stream, &["HTTP/1.1 200 OK\r\nx: ", "x"])).await, "timeout"),
        (raw_server(|stream| drip(stream, &["HTTP/1.1 100 Continue\r\n\r\n"])).await, "timeout"),
        (raw_server(|stream| drip(stream, &["HTTP/1.1 204 No Content\r\n\r\n"])).await, "success"),
        (
            raw_server(|stream| {
                drip(stream, &["HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", "x"])
            })
            .await,
            "success",
        ),
        (
            raw_server(|stream| drip(stream, &["this is not HTTP at all\r\n\r\n"])).await,
            "broken_answer",
        ),
        (raw_server(|_| async {}).await, "broken_answer"),
        (
            raw_server(|stream| drip(stream, &["HTTP/1.1 400 not TLS\r\n\r\n"]))
                .await
                .replace("http:", "https:"),
            "tls",
        ),
        (closed, "connect"),
    ];
    for (url, class) in rows {
        // A short timeout for silence; responses may take as long as a busy machine needs.
        let timeout = if class == "timeout" { "400ms" } else { "10s" };
        let body = json!({"name": "n", "event_type": EVENT.key(), "callback_url": url,
            "api_key": "k", "timeout": timeout});
        let (status, hook) = app.api(&token, "POST", "/hooks", Some(body)).await;
        assert_eq!(status, 201, "{hook}");
        let (_, delivery) = app
            .api(&token, "POST", &format!("/hooks/{}/test", hook["id"].as_str().unwrap()), None)
            .await;
        assert_eq!(classes(&delivery), [class], "{delivery}");
    }
    app.assert_balanced().await;
}

async fn a_huge_response_is_read_only_as_far_as_needed(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    let endless = Reply { body: vec![b'x'; 8 << 20], ..Reply::status(200) };
    let zipped = Reply {
        headers: vec![("content-encoding", "gzip".into())],
        body: vec![0x1f, 0x8b, 0xff, 0],
        ..Reply::status(200)
    };
    receiver.reply([endless, zipped]);
    let hook = app.hook(&token, EVENT, &receiver).await;
    let test = format!("/hooks/{}/test", hook["id"].as_str().unwrap());
    let (_, delivery) = app.api(&token, "POST", &test, None).await;
    let attempt = &delivery["attempts"][0];
    assert_eq!(
        (attempt["class"].as_str(), &attempt["response_cut"]),
        (Some("success"), &json!(true))
    );
    assert_eq!(attempt["response_body"].as_str().unwrap().len(), 16 * 1024);
    let (_, delivery) = app.api(&token, "POST", &test, None).await;
    assert_eq!(delivery["attempts"][0]["class"], "success", "the response is not decompressed");
}

async fn a_hook_that_is_off_skips_new_events_and_holds_waiting_ones(db: TestDb) {
    let mut settings = db.settings();
    settings.delivery.retry_schedule = vec![Duration::from_secs(3600)];
    let app = TestApp::start_with(db.into(), db::config(settings)).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::status(500)]);
    let hook = app.hook(&token, EVENT, &receiver).await;
    let path = format!("/hooks/{}", hook["id"].as_str().unwrap());
    let slide = async |enabled: bool| {
        app.api(&token, "PATCH", &path, Some(json!({"enabled": enabled}))).await.0
    };
    let waits = app.emit_sample(&token, EVENT).await;
    app.delivery_in(&token, &waits, "waiting").await;
    assert_eq!(slide(false).await, 200);
    let held = app.delivery_in(&token, &waits, "held").await;
    assert_eq!(
        (held["reason"].as_str(), &held["next_attempt_at"]),
        (Some("the hook is off"), &Value::Null)
    );
    let skipped = app.emit_sample(&token, EVENT).await;
    app.delivery_in(&token, &skipped, "skipped").await;
    assert_eq!(slide(true).await, 200);
    app.delivery_in(&token, &waits, "delivered").await;
    app.delivery_in(&token, &skipped, "skipped").await;
    assert_eq!(receiver.came().len(), 2);
    app.assert_balanced().await;
}

async fn two_hooks_on_one_event_are_independent(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    bad.reply([500, 500].map(Reply::status));
    app.hook(&token, EVENT, &good).await;
    app.hook(&token, EVENT, &bad).await;
    let event = app.emit_sample(&token, EVENT).await;
    bad.wait_for(3).await;
    eventually("both are delivered", async || {
        let (_, story) = app.api(&token, "GET", &format!("/events/{event}"), None).await;
        story["deliveries"]
            .as_array()?
            .iter()
            .all(|delivery| delivery["state"] == "delivered")
            .then_some(())
    })
    .await;
    assert_eq!((good.came().len(), bad.came().len()), (1, 3), "only the failing one is sent again");
    app.assert_balanced().await;
}

async fn a_restart_resumes(db: TestDb) {
    let mut app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    app.hook(&token, EVENT, &receiver).await;
    let batch: Vec<Value> = (0..50)
        .map(|_| {
            json!({"type": EVENT.key(),
            "data": serde_json::from_str::<Value>(service_hooks::engine::catalogue::sample(EVENT))
                .unwrap()})
        })
        .collect();
    let (_, accepted) = app.api(&token, "POST", "/events", Some(Value::Array(batch))).await;
    app = app.restart().await;
    let came = receiver.wait_for(50).await;
    let arrived: std::collections::HashSet<&str> =
        came.iter().map(|came| came.header("webhook-id")).collect();
    assert!(
        accepted
            .as_array()
            .unwrap()
            .iter()
            .all(|one| arrived.contains(one["id"].as_str().unwrap()))
    );
    assert_eq!(came.len(), 50, "a graceful restart repeats nothing");
    app.assert_balanced().await;
}

async fn deleting_a_hook_cancels_waiting_deliveries(db: TestDb) {
    let mut settings = db.settings();
    settings.delivery.retry_schedule = vec![Duration::from_secs(3600)];
    let app = TestApp::start_with(db.into(), db::config(settings)).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::status(500)]);
    let hook = app.hook(&token, EVENT, &receiver).await;
    let event = app.emit_sample(&token, EVENT).await;
    app.delivery_in(&token, &event, "waiting").await;
    assert_eq!(
        app.api(&token, "DELETE", &format!("/hooks/{}", hook["id"].as_str().unwrap()), None)
            .await
            .0,
        204
    );
    let delivery = app.delivery_in(&token, &event, "cancelled").await;
    assert_eq!(
        (delivery["reason"].as_str(), delivery["attempt_count"].as_u64()),
        (Some("the hook was deleted"), Some(1))
    );
    app.assert_balanced().await;
}

async fn a_repaired_hook_is_not_turned_off_by_a_410_of_its_old_url(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    // The response arrives only after the hook was repaired.
    let (asked, repaired) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (asked.clone(), repaired.clone());
    let moved = raw_server(move |mut stream| {
        let (tell, wait) = (tell.clone(), wait.clone());
        async move {
            let mut buffer = [0; 8192];
            let _head = stream.read(&mut buffer).await;
            tell.notify_one();
            wait.notified().await;
            let _gone = stream.write_all(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await;
    let body = json!({"name": "n", "event_type": EVENT.key(), "callback_url": moved,
        "api_key": "k", "enabled": true});
    let (_, hook) = app.api(&token, "POST", "/hooks", Some(body)).await;
    let path = format!("/hooks/{}", hook["id"].as_str().unwrap());
    let event = app.emit_sample(&token, EVENT).await;
    asked.notified().await;
    let receiver = Receiver::start().await;
    let repair = json!({"callback_url": receiver.url("/in"), "api_key": "k"});
    assert_eq!(app.api(&token, "PATCH", &path, Some(repair)).await.0, 200);
    repaired.notify_one();
    app.delivery_in(&token, &event, "failed").await;
    assert_eq!(app.api(&token, "GET", &path, None).await.1["enabled"], true);
    let later = app.emit_sample(&token, EVENT).await;
    app.delivery_in(&token, &later, "delivered").await;
    app.assert_balanced().await;
}

/// Once a change is acknowledged, no further attempt to the old URL starts.
async fn a_change_applies_once_it_is_acknowledged(db: TestDb) {
    let mut settings = db.settings();
    settings.delivery.in_flight_per_hook = 2;
    let app = TestApp::start_with(db.into(), db::config(settings)).await;
    let token = app.full_token().await;
    let (old, new) = (Receiver::start().await, Receiver::start().await);
    let hook = app.hook(&token, EVENT, &old).await;
    let path = format!("/hooks/{}", hook["id"].as_str().unwrap());
    let data: Value =
        serde_json::from_str(service_hooks::engine::catalogue::sample(EVENT)).unwrap();
    let batch = vec![json!({"type": EVENT.key(), "data": data}); 600];
    let (status, _) = app.api(&token, "POST", "/events", Some(Value::Array(batch))).await;
    assert_eq!(status, 202);
    let change = json!({"callback_url": new.url("/in"), "api_key": "other"});
    assert_eq!(app.api(&token, "PATCH", &path, Some(change)).await.0, 200);
    let before = old.came().len();
    eventually("everything arrived", async || {
        (old.came().len() + new.came().len() >= 600).then_some(())
    })
    .await;
    // Two may have been in flight.
    assert!(
        old.came().len() <= before + 2,
        "{} went to the old URL afterwards",
        old.came().len() - before
    );
    app.assert_balanced().await;
}

async fn a_settled_delivery_can_be_sent_again(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    receiver.reply([500; 4].map(Reply::status));
    let hook = app.hook(&token, EVENT, &receiver).await;
    let path = format!("/hooks/{}", hook["id"].as_str().unwrap());
    let event = app.emit_sample(&token, EVENT).await;
    let failed = app.delivery_in(&token, &event, "failed").await;
    let again = format!("/deliveries/{}/redeliver", failed["id"].as_str().unwrap());
    // The schedule starts again: two more failures do not use it up.
    receiver.reply([500, 500].map(Reply::status));
    let (status, delivery) = app.api(&token, "POST", &again, None).await;
    assert_eq!((status, delivery["state"].as_str()), (202, Some("waiting")), "{delivery}");
    let delivered = app.delivery_in(&token, &event, "delivered").await;
    assert_eq!((delivered["attempt_count"].as_u64(), receiver.came().len()), (Some(7), 7));
    assert!(
        receiver.came().iter().all(|came| came.header("webhook-id") == event),
        "the id is the same"
    );
    // While the hook is off it waits; a skipped delivery gets its first attempt.
    app.api(&token, "PATCH", &path, Some(json!({"enabled": false}))).await;
    let skipped = app.emit_sample(&token, EVENT).await;
    let delivery = app.delivery_in(&token, &skipped, "skipped").await;
    let again = format!("/deliveries/{}/redeliver", delivery["id"].as_str().unwrap());
    assert_eq!(app.api(&token, "POST", &again, None).await.1["state"], "held");
    assert_eq!(app.api(&token, "POST", &again, None).await.0, 422, "it is in flight already");
    app.api(&token, "PATCH", &path, Some(json!({"enabled": true}))).await;
    app.delivery_in(&token, &skipped, "delivered").await;
    // A deleted hook gets nothing more.
    app.api(&token, "DELETE", &path, None).await;
    assert_eq!(app.api(&token, "POST", &again, None).await.0, 404);
    app.assert_balanced().await;
}
