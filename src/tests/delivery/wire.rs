//! The bytes of requests and signatures.

use service_hooks::{domain::event::EventType, engine::catalogue::sample};

use crate::support::{
    app::TestApp,
    db::TestDb,
    on_both,
    receiver::{Receiver, Reply},
};

on_both!(
    bytes_headers_and_signature,
    a_retry_keeps_its_id_and_is_signed_again,
    nothing_of_the_key_appears_elsewhere
);

/// Unusual but valid JSON: spaces, escapes, seven digits, members in any order, additional members.
fn odd(event: EventType) -> String {
    let sample = sample(event).trim_end_matches('}').trim_end();
    format!("{sample} ,\t\"z\" : 1.50E+2,\r\n \"a\":\"\\u00e9\\/é😀\\u0000\"   }}")
}

async fn bytes_headers_and_signature(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    for event in EventType::ALL {
        let receiver = Receiver::start().await;
        let hook = app.hook(&token, *event, &receiver).await;
        let oracle =
            standardwebhooks::Webhook::new(hook["signing_secret"].as_str().unwrap()).unwrap();
        for body in [sample(*event).to_owned(), odd(*event)] {
            let request = format!(" {{ \"data\" :  {body} , \"type\":\"{event}\"}}");
            let (status, accepted) = app.api_raw(&token, "/events", request).await;
            assert_eq!(status, 202, "{accepted}");
            let all = receiver.wait_for(receiver.came().len().max(1)).await;
            let came = match all
                .iter()
                .find(|came| came.header("webhook-id") == accepted["id"].as_str().unwrap())
            {
                Some(came) => came.clone(),
                None => receiver.wait_for(all.len() + 1).await.pop().unwrap(),
            };
            assert_eq!(came.body, body.as_bytes(), "byte for byte");
            assert_eq!(came.header("webhook-id"), accepted["id"].as_str().unwrap());
            assert_eq!(came.header("x-api-key"), "the-key");
            assert_eq!(came.header("content-type"), "application/json");
            assert_eq!(came.header("x-service-hook-event"), event.key());
            assert!(came.header("user-agent").starts_with("service-hooks/"));
            assert!(
                came.headers.get("x-service-hook-test").is_none()
                    && came.headers.get("accept-encoding").is_none()
            );
            oracle.verify(&came.body, &came.headers).unwrap();
        }
    }
    app.assert_balanced().await;
}

async fn a_retry_keeps_its_id_and_is_signed_again(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::status(500), Reply::status(503)]);
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let oracle = standardwebhooks::Webhook::new(hook["signing_secret"].as_str().unwrap()).unwrap();
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    let came = receiver.wait_for(3).await;
    for came in &came {
        assert_eq!(came.header("webhook-id"), event);
        oracle.verify(&came.body, &came.headers).unwrap();
    }
    let delivery = app.delivery_in(&token, &event, "delivered").await;
    let statuses: Vec<_> = delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tried| tried["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [500, 503, 200]);
    app.assert_balanced().await;
}

async fn nothing_of_the_key_appears_elsewhere(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    let body = serde_json::json!({"name": "n", "event_type": "work_item.closed",
        "callback_url": receiver.url("/in"),
                                  "api_key": "CANARY-0123456789", "enabled": true});
    let (_, made) = app.api(&token, "POST", "/hooks", Some(body)).await;
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    app.delivery_in(&token, &event, "delivered").await;
    assert_eq!(receiver.came()[0].header("x-api-key"), "CANARY-0123456789");
    let browser = app.browser(service_hooks::domain::permission::Role::Administrator).await;
    let id = made["id"].as_str().unwrap();
    let pages = [
        "/integration/hooks".to_owned(),
        format!("/integration/hooks/{id}"),
        format!("/integration/hooks/{id}/settings"),
    ];
    for page in pages {
        assert!(!browser.get(&page).await.text().await.unwrap().contains("CANARY"), "{page}");
    }
    for path in
        [format!("/hooks/{id}"), format!("/events/{event}"), "/hooks".into(), "/deliveries".into()]
    {
        assert!(
            !app.api(&token, "GET", &path, None).await.1.to_string().contains("CANARY"),
            "{path}"
        );
    }
}
