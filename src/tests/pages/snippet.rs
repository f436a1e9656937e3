//! The receiver in Rust that the catalogue offers, compiled and run unchanged. (Those in other
//! languages are run by `end2end/`.)

use reqwest::StatusCode;
use service_hooks::{
    domain::event::EventType,
    engine::{catalogue::sample, clock::Clock, delivery::signing},
};

use crate::support::{app::TestApp, db::TestDb};

#[expect(
    dead_code,
    clippy::disallowed_methods,
    reason = "it is a program of its own, and not of this house"
)]
#[path = "../../portal/ops/snippets/axum.rs"]
mod receiver;

const KEY: &str = "the-key-of-the-snippet";

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_snippet_accepts_only_our_signed_requests() {
    let app = TestApp::start(TestDb::sqlite()).await;
    let token = app.full_token().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/service-hooks", listener.local_addr().unwrap());
    let hook = serde_json::json!({"name": "snippet", "event_type": "work_item.closed",
        "callback_url": url,
                                  "api_key": KEY, "enabled": true});
    let (_, hook) = app.api(&token, "POST", "/hooks", Some(hook)).await;
    let secret = hook["signing_secret"].as_str().unwrap().to_owned();
    let router = receiver::router(KEY, &secret);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    app.delivery_in(&token, &event, "delivered").await;

    let secret = signing::secret_bytes(&secret).unwrap();
    let now = Clock::System.now().seconds();
    let body = sample(EventType::WorkItemClosed);
    let send = async |key: &str, id: &str, at: i64, signature: &str| {
        let request = app.client.post(&url).header("x-api-key", key).header("webhook-id", id);
        let request = request
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", signature);
        request.body(body).send().await.unwrap().status()
    };
    let sign = |id: &str, at: i64| signing::sign(&secret, id, at, body.as_bytes());
    let several = format!("v1a,other v1,AAAA {}", sign("m-1", now));
    assert_eq!(send(KEY, "m-1", now, &several).await, StatusCode::NO_CONTENT);
    assert_eq!(
        send(KEY, "m-1", now, &sign("m-1", now)).await,
        StatusCode::NO_CONTENT,
        "a repeated event is acknowledged too"
    );
    for (what, status) in [
        ("a wrong key", send("another", "m-2", now, &sign("m-2", now)).await),
        ("no key", send("", "m-2", now, &sign("m-2", now)).await),
        ("another's signature", send(KEY, "m-2", now, &sign("m-3", now)).await),
        ("no signature", send(KEY, "m-2", now, "").await),
        ("an old one", send(KEY, "m-2", now - 301, &sign("m-2", now - 301)).await),
        ("one of the future", send(KEY, "m-2", now + 330, &sign("m-2", now + 330)).await),
    ] {
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}");
    }
}
