//! `Idempotency-Key` on everything that creates or sends something: one execution and one response
//! per key, also with repeats, races, disconnects and crashes.

use std::{collections::HashSet, future::poll_fn, pin::pin, task::Poll, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use futures::future::join_all;
use serde_json::{Value, json};
use service_hooks::{
    domain::{event::EventType, time::Timestamp},
    engine::store::{
        Error,
        once::{self, Claim, KeyedRequest},
    },
    http,
};
use sqlx::Connection;
use tower::ServiceExt;

use crate::support::{
    app::TestApp,
    db::TestDb,
    eventually, on_both,
    receiver::{Receiver, Reply},
};

on_both!(
    one_key_is_one_execution_and_one_response,
    concurrent_requests_execute_once,
    a_test_with_a_lost_response_is_not_sent_again,
    a_concurrent_request_with_the_same_key_gets_a_conflict,
    a_client_that_disconnects_at_any_await_can_repeat_its_request,
    a_process_that_died_does_not_keep_its_key,
    a_request_that_lost_its_key_cannot_commit,
    stored_secrets_are_sealed,
);

const EVENT: EventType = EventType::WorkItemClosed;

struct Scene {
    app: TestApp,
    token: String,
    receiver: Receiver,
}

/// Status, whether it is a repeated response, and the body.
type Answer = (u16, bool, Value);

impl Scene {
    async fn start(db: TestDb) -> Self {
        let app = TestApp::start(db).await;
        let (token, receiver) = (app.full_token().await, Receiver::start().await);
        Self { app, token, receiver }
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.post_as(&self.token, path, key, body).await
    }

    async fn post_as(&self, token: &str, path: &str, key: &str, body: &Value) -> Answer {
        let request = self.app.request("POST", &format!("/api/v1{path}")).bearer_auth(token);
        let answer =
            request.header("Idempotency-Key", key).body(body.to_string()).send().await.unwrap();
        let (status, replayed) =
            (answer.status().as_u16(), answer.headers().contains_key("idempotency-replayed"));
        let text = answer.text().await.unwrap();
        (status, replayed, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn hook(&self, name: &str) -> Value {
        json!({"name": name, "event_type": EVENT.key(), "callback_url": self.receiver.url("/in"),
            "api_key": "k", "enabled": true})
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        let (status, page) = self.app.api(&self.token, "GET", path, None).await;
        assert_eq!(status, 200, "{page}");
        page["items"].as_array().unwrap().clone()
    }

    /// Until when the only key in progress is held.
    async fn held_until(&self) -> Timestamp {
        const SQL: &str = "SELECT held_until FROM idempotency WHERE sealed IS NULL";
        let url = self.app.db.settings().database_url;
        if url.starts_with("postgres") {
            let mut conn = sqlx::PgConnection::connect(&url).await.unwrap();
            sqlx::query_scalar(SQL).fetch_one(&mut conn).await.unwrap()
        } else {
            let mut conn = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::query_scalar(SQL).fetch_one(&mut conn).await.unwrap()
        }
    }

    /// Changes the rows of keys to a state that a crash would leave.
    async fn tamper(&self, sql: &'static str) {
        let url = self.app.db.settings().database_url;
        if url.starts_with("postgres") {
            let mut conn = sqlx::PgConnection::connect(&url).await.unwrap();
            sqlx::query(sql).execute(&mut conn).await.unwrap();
        } else {
            let mut conn = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::query(sql).execute(&mut conn).await.unwrap();
        }
    }
}

async fn one_key_is_one_execution_and_one_response(db: TestDb) {
    let scene = Scene::start(db).await;
    let (hook, delivery) = scene.app.hook_that_delivered(&scene.token, &scene.receiver).await;
    let off = json!({"name": "off", "event_type": EVENT.key(),
        "callback_url": scene.receiver.url("/off"), "api_key": "k"});
    let since = |until: &str| json!({"since": "2020-01-01T00:00:00Z", "until": until});
    // Path, a body, another body, the status.
    let rows = [
        ("/hooks".to_owned(), off.clone(), scene.hook("other"), 201),
        (format!("/hooks/{hook}/test"), json!({}), json!({"data": {}}), 200),
        (
            format!("/hooks/{hook}/recover"),
            since("2020-01-02T00:00:00Z"),
            since("2020-01-03T00:00:00Z"),
            202,
        ),
        (format!("/hooks/{hook}/try-now"), json!({}), json!({"a": 1}), 202),
        (format!("/deliveries/{delivery}/redeliver"), json!({}), json!({"a": 1}), 202),
        (
            "/deliveries/redeliver".to_owned(),
            json!({"to": "2019-01-01T00:00:00Z"}),
            json!({"hook": hook}),
            202,
        ),
    ];
    for (path, body, other, status) in &rows {
        // The same key for every operation: a key belongs to one operation.
        let first = scene.post(path, "key", body).await;
        assert_eq!((first.0, first.1), (*status, false), "{path}: {first:?}");
        for _ in 0..2 {
            let again = scene.post(path, "key", body).await;
            assert_eq!((again.0, again.1, &again.2), (*status, true, &first.2), "{path}");
        }
        let (code, _, problem) = scene.post(path, "key", other).await;
        assert_eq!(
            (code, problem["errors"][0]["field"].as_str()),
            (422, Some("Idempotency-Key")),
            "{path}: {problem}"
        );
    }
    eventually("the delivery, its redelivery and the test arrived", async || {
        (scene.receiver.came().len() >= 3).then_some(())
    })
    .await;
    assert_eq!(scene.receiver.came().len(), 3, "nothing was sent twice");
    assert_eq!(scene.items("/hooks").await.len(), 2);
    assert_eq!(scene.items("/jobs").await.len(), 2);
    // Another API client may use the same key, and a client without the permission does not see a
    // response of another.
    let (other, reader) = (scene.app.full_token().await, scene.app.token(&["hooks:read"]).await);
    let (status, replayed, made) = scene.post_as(&other, "/hooks", "key", &off).await;
    assert_eq!((status, replayed), (201, false), "{made}");
    assert_eq!(scene.post_as(&reader, "/hooks", "key", &off).await.0, 403);
    // A rejected request releases its key.
    assert_eq!(scene.post("/hooks", "wrong", &json!({"name": "x"})).await.0, 422);
    assert_eq!(scene.post("/hooks", "wrong", &off).await.0, 201);
    assert_eq!(scene.post("/hooks", &"k".repeat(256), &off).await.0, 422);
    assert_eq!(scene.items("/hooks").await.len(), 4);
    scene.app.assert_balanced().await;
}

async fn concurrent_requests_execute_once(db: TestDb) {
    const RACERS: usize = 12;
    let scene = Scene::start(db).await;
    for round in 0..5 {
        let (key, body) = (format!("race-{round}"), scene.hook("raced"));
        let answers = join_all((0..RACERS).map(|_| scene.post("/hooks", &key, &body))).await;
        let (made, others): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(status, ..)| *status == 201);
        let ids: HashSet<_> =
            made.iter().map(|(_, _, hook)| hook["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids.len(), 1, "{made:?}");
        assert!(others.iter().all(|(status, ..)| *status == 409), "{others:?}");
        let again = scene.post("/hooks", &key, &body).await;
        assert!(again.1 && ids.contains(again.2["id"].as_str().unwrap()), "{again:?}");
    }
    assert_eq!(scene.items("/hooks").await.len(), 5);
}

async fn a_concurrent_request_with_the_same_key_gets_a_conflict(db: TestDb) {
    let scene = Scene::start(db).await;
    let (_, _, hook) = scene.post("/hooks", "make", &scene.hook("slow")).await;
    let path = format!("/hooks/{}/test", hook["id"].as_str().unwrap());
    scene.receiver.reply([Reply::held()]);
    let (body, second) = (json!({}), async {
        scene.receiver.wait_for(1).await;
        // Should the process die now, its key is free again after seconds. While it lives, it keeps
        // the key for as long as it needs.
        let held = scene.held_until().await;
        let now = scene.app.running.portal.clock().now();
        assert!(held <= now.after(Duration::from_secs(15)), "it is held until {held:?} at {now:?}");
        eventually("the key is kept", async || (scene.held_until().await > held).then_some(()))
            .await;
        let answer = scene.post(&path, "test", &json!({})).await;
        scene.receiver.release();
        answer
    });
    let (first, second) = tokio::join!(scene.post(&path, "test", &body), second);
    assert_eq!(
        (second.0, second.2["errors"][0]["code"].as_str()),
        (409, Some("running")),
        "{second:?}"
    );
    assert_eq!((first.0, first.2["state"].as_str()), (200, Some("delivered")), "{first:?}");
    assert_eq!(scene.post(&path, "test", &body).await, (200, true, first.2));
    assert_eq!(scene.receiver.came().len(), 1);
}

/// Polls a future this many times and then drops it.
async fn poll_at_most<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn a_client_that_disconnects_at_any_await_can_repeat_its_request(db: TestDb) {
    let scene = Scene::start(db).await;
    let router = http::router(scene.app.running.portal.clone());
    let mut keys = 0;
    for polls in 0.. {
        let key = format!("hangs-up-{polls}");
        let request = Request::post("/api/v1/hooks")
            .header("host", "localhost")
            .header("authorization", format!("Bearer {}", scene.token));
        let body = scene.hook(&key);
        let request =
            request.header("idempotency-key", &key).body(Body::from(body.to_string())).unwrap();
        let heard = poll_at_most(polls, router.clone().oneshot(request)).await;
        let is_heard = heard.is_some();
        // In progress for a moment, then the response: the same as the first one, if that was
        // received.
        let again = eventually("the response is stored", async || {
            let answer = scene.post("/hooks", &key, &body).await;
            (answer.0 != 409).then_some(answer)
        })
        .await;
        assert_eq!((again.0, again.2["name"].as_str()), (201, Some(key.as_str())), "{again:?}");
        if let Some(heard) = heard {
            let heard = to_bytes(heard.unwrap().into_body(), usize::MAX).await.unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&heard).unwrap(), again.2);
        }
        keys += 1;
        if is_heard {
            break;
        }
    }
    let names: HashSet<String> =
        scene.items("/hooks?limit=200").await.iter().map(|hook| hook["name"].to_string()).collect();
    assert_eq!(
        (scene.items("/hooks?limit=200").await.len(), names.len()),
        (keys, keys),
        "one for each key"
    );
    assert!(keys > 2, "the response came at once");
}

async fn a_process_that_died_does_not_keep_its_key(db: TestDb) {
    let scene = Scene::start(db).await;
    let body = scene.hook("one");
    let (_, _, first) = scene.post("/hooks", "key", &body).await;
    // It crashed between the commit and the response: the response refers to the created object,
    // and nothing is created again.
    scene.tamper("UPDATE idempotency SET sealed = NULL").await;
    assert_eq!(scene.post("/hooks", "key", &body).await.0, 409, "its response may still come");
    scene.tamper("UPDATE idempotency SET held_until = 0").await;
    let (status, _, led) = scene.post("/hooks", "key", &body).await;
    let address = format!("/api/v1/hooks/{}", first["id"].as_str().unwrap());
    assert_eq!((status, led["location"].as_str()), (303, Some(address.as_str())), "{led}");
    assert_eq!(scene.items("/hooks").await.len(), 1);
    assert_eq!(scene.post("/hooks", "key", &scene.hook("two")).await.0, 422);
    assert_eq!(scene.items("/hooks").await.len(), 1);
    // It crashed before the execution: it holds the key for a while, then another request can use
    // it.
    scene.tamper("UPDATE idempotency SET made = NULL, held_until = 9000000000000").await;
    assert_eq!(scene.post("/hooks", "key", &body).await.0, 409);
    scene.tamper("UPDATE idempotency SET held_until = 0").await;
    let (status, replayed, second) = scene.post("/hooks", "key", &body).await;
    assert_eq!((status, replayed), (201, false), "{second}");
    assert_ne!(first["id"], second["id"]);
    // An expired key can be used for a new request.
    scene.tamper("UPDATE idempotency SET expires_at = 0").await;
    assert_eq!(scene.post("/hooks", "key", &scene.hook("three")).await.0, 201);
}

async fn a_test_with_a_lost_response_is_not_sent_again(db: TestDb) {
    let scene = Scene::start(db).await;
    let (_, _, hook) = scene.post("/hooks", "hook", &scene.hook("one")).await;
    let path = format!("/hooks/{}/test", hook["id"].as_str().unwrap());
    let (status, _, sent) = scene.post(&path, "test", &json!({})).await;
    assert_eq!(status, 200, "{sent}");
    // The process crashed between the commit and the response.
    scene.tamper("UPDATE idempotency SET sealed = NULL, held_until = 0").await;
    let (status, _, led) = scene.post(&path, "test", &json!({})).await;
    let address = format!("/api/v1/deliveries/{}", sent["id"].as_str().unwrap());
    assert_eq!((status, led["location"].as_str()), (303, Some(address.as_str())), "{led}");
    assert_eq!(scene.receiver.came().len(), 1);
}

async fn a_request_that_lost_its_key_cannot_commit(db: TestDb) {
    let scene = Scene::start(db).await;
    let portal = scene.app.running.portal.clone();
    let claim = async |lease: Duration| {
        let (clock, vault) = (portal.clock().clone(), portal.store().vault.clone());
        let asked = KeyedRequest { key_hash: b"key".to_vec(), body_hash: b"body".to_vec() };
        let work = portal.store().write_alone(move |conn| {
            Box::pin(async move { once::claim(conn, &clock, &vault, &asked, lease).await })
        });
        match work.await {
            Ok::<_, Error>(Claim::Acquired(once)) => Some(once),
            _ => None,
        }
    };
    let slow = claim(Duration::ZERO).await.unwrap();
    let next = claim(Duration::from_secs(3600)).await.unwrap();
    assert!(claim(Duration::ZERO).await.is_none(), "the key is held");
    let note = async |once: once::Once| -> Result<(), Error> {
        let work = portal.store().write_alone(move |conn| {
            Box::pin(async move { once.record_created(conn, "/made").await })
        });
        work.await
    };
    assert!(
        matches!(note(slow.clone()).await, Err(Error::Missing)),
        "its transaction was rolled back"
    );
    note(next).await.unwrap();
    assert!(matches!(note(slow).await, Err(Error::Missing)));
}

async fn stored_secrets_are_sealed(db: TestDb) {
    let scene = Scene::start(db).await;
    let (_, _, hook) = scene.post("/hooks", "key", &scene.hook("one")).await;
    let secret = hook["signing_secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    const SQL: &str = "SELECT answer, sealed FROM idempotency";
    let url = scene.app.db.settings().database_url;
    let (answer, sealed): (String, Vec<u8>) = if url.starts_with("postgres") {
        sqlx::query_as(SQL)
            .fetch_one(&mut sqlx::PgConnection::connect(&url).await.unwrap())
            .await
            .unwrap()
    } else {
        sqlx::query_as(SQL)
            .fetch_one(&mut sqlx::SqliteConnection::connect(&url).await.unwrap())
            .await
            .unwrap()
    };
    let has = |word: &str| sealed.windows(word.len()).any(|window| window == word.as_bytes());
    assert!(answer.is_empty() && !has(secret) && !has("whsec_") && !has("callback_url"));
    // Only the first response shows it, not a later read of the hook.
    assert_eq!(scene.post("/hooks", "key", &scene.hook("one")).await.2["signing_secret"], secret);
}
