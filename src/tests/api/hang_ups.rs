//! Clients that disconnect during a command: at every await of a change to a hook, a redelivery, a
//! job. A committed change takes effect at once without a restart: the commit sends the notices,
//! not the request.

use std::{future::poll_fn, pin::pin, task::Poll};

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use service_hooks::{domain::event::EventType, engine::store::Error, http};
use tower::ServiceExt;

use crate::support::{app::TestApp, db::TestDb, eventually, on_both, receiver::Receiver};

on_both!(
    a_changed_url_is_used,
    a_hook_turned_on_by_a_dropped_request_delivers,
    a_redelivery_is_sent,
    a_job_finishes,
);

const EVENT: EventType = EventType::WorkItemClosed;

struct Scene {
    app: TestApp,
    token: String,
    router: axum::Router,
}

impl Scene {
    async fn start(db: TestDb) -> Self {
        let app = TestApp::start(db).await;
        let token = app.full_token().await;
        let router = http::router(app.running.portal.clone());
        Self { app, token, router }
    }

    /// Sends a request and drops it after this many polls; returns whether the response came first.
    /// Everything that was committed or queued in the writer by then is committed when this
    /// returns.
    async fn ask(&self, polls: usize, method: &str, path: &str, body: &Value) -> bool {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("host", "localhost");
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let request = request.header("content-type", "application/json");
        let asked =
            self.router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap());
        let answered = {
            let mut asked = pin!(asked);
            let mut left = polls;
            poll_fn(|context| match asked.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer.unwrap().status().as_u16())),
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => {
                    left -= 1;
                    Poll::Pending
                }
            })
            .await
        };
        if let Some(status) = answered {
            assert!((200..300).contains(&status), "{method} {path}: {status}");
        }
        let written: Result<(), Error> =
            self.app.running.portal.store().write_alone(|_conn| Box::pin(async { Ok(()) })).await;
        written.unwrap();
        answered.is_some()
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.app.api(&self.token, "GET", path, None).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

fn id_of(row: &Value) -> &str {
    row["id"].as_str().unwrap()
}

async fn a_changed_url_is_used(db: TestDb) {
    let scene = Scene::start(db).await;
    let receivers = [Receiver::start().await, Receiver::start().await];
    let hook = scene.app.hook(&scene.token, EVENT, &receivers[0]).await;
    let path = format!("/hooks/{}", id_of(&hook));
    let (mut polls, mut target) = (0, 1);
    loop {
        let change = json!({"callback_url": receivers[target].url("/in"), "api_key": "the-key"});
        let is_done = scene.ask(polls, "PATCH", &path, &change).await;
        let url = scene.get(&path).await["callback_url"].as_str().unwrap().to_owned();
        let event = scene.app.emit_sample(&scene.token, EVENT).await;
        scene.app.delivery_in(&scene.token, &event, "delivered").await;
        let right = receivers.iter().find(|receiver| receiver.url("/in") == url).unwrap();
        let came = right.came().iter().any(|came| came.header("webhook-id") == event);
        assert!(
            came,
            "after {polls} polls the hook has the URL {url}, but the event was sent to another"
        );
        if is_done {
            break;
        }
        (polls, target) = (polls + 1, 1 - target);
    }
    assert!(polls > 0, "no request was dropped");
}

async fn a_hook_turned_on_by_a_dropped_request_delivers(db: TestDb) {
    let scene = Scene::start(db).await;
    let receiver = Receiver::start().await;
    let hook = scene.app.hook(&scene.token, EVENT, &receiver).await;
    let path = format!("/hooks/{}", id_of(&hook));
    for polls in 0.. {
        let (status, _) =
            scene.app.api(&scene.token, "PATCH", &path, Some(json!({"enabled": false}))).await;
        assert_eq!(status, 200);
        let is_done = scene.ask(polls, "PATCH", &path, &json!({"enabled": true})).await;
        let is_on = scene.get(&path).await["enabled"] == true;
        let event = scene.app.emit_sample(&scene.token, EVENT).await;
        scene
            .app
            .delivery_in(&scene.token, &event, if is_on { "delivered" } else { "skipped" })
            .await;
        if is_done {
            break;
        }
    }
}

async fn a_redelivery_is_sent(db: TestDb) {
    let scene = Scene::start(db).await;
    let receiver = Receiver::start().await;
    let (_, delivery) = scene.app.hook_that_delivered(&scene.token, &receiver).await;
    let mut sent = 1;
    for polls in 0.. {
        let is_done = scene
            .ask(polls, "POST", &format!("/deliveries/{delivery}/redeliver"), &Value::Null)
            .await;
        let event = receiver.came()[0].header("webhook-id").to_owned();
        scene.app.delivery_in(&scene.token, &event, "delivered").await;
        if is_done {
            eventually("it was redelivered", async || (receiver.came().len() > sent).then_some(()))
                .await;
            break;
        }
        sent = receiver.came().len();
    }
}

async fn a_job_finishes(db: TestDb) {
    let scene = Scene::start(db).await;
    let receiver = Receiver::start().await;
    let (hook, _) = scene.app.hook_that_delivered(&scene.token, &receiver).await;
    for polls in 0.. {
        let selection = json!({"hook": hook, "states": ["delivered"], "per_second": 1000});
        let is_done = scene.ask(polls, "POST", "/deliveries/redeliver", &selection).await;
        eventually("every job is done", async || {
            let jobs = scene.get("/jobs").await;
            jobs["items"].as_array().unwrap().iter().all(|job| job["state"] == "done").then_some(())
        })
        .await;
        if is_done {
            break;
        }
    }
}
