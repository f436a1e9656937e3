//! The scene of these tests: a portal with changed settings, hooks with delivery settings, events
//! with a name and a key.

use serde_json::{Value, json};
use service_hooks::{
    domain::{delivery::State, event::EventType},
    engine::{catalogue::sample, config::Settings, store::Error},
};

use crate::support::{
    app::TestApp,
    db::{self, TestDb},
    eventually,
    receiver::Receiver,
};

pub const EVENT: EventType = EventType::WorkItemClosed;

/// A running portal and a token with all permissions.
pub struct Scene {
    pub app: TestApp,
    pub token: String,
    pub settings: Settings,
}

/// A hook by its path below `/api/v1`.
#[derive(Clone)]
pub struct Hook {
    pub id: String,
    pub path: String,
}

impl Scene {
    pub async fn start(db: TestDb, tune: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = db.settings();
        tune(&mut settings);
        let app = TestApp::start_with(db.into(), db::config(settings.clone())).await;
        let token = app.full_token().await;
        Self { app, token, settings }
    }

    /// Graceful shutdown and a new start with the same settings.
    pub async fn restart(self) -> Self {
        let Self { app, token, settings } = self;
        let app = app.restart_with(settings.clone()).await;
        Self { app, token, settings }
    }

    /// Writes rows that this program never writes.
    pub async fn break_rows(&self, statement: &'static str) {
        let store = self.app.running.portal.store();
        let written: Result<(), Error> =
            store.write(move |conn| Box::pin(async move { conn.control(statement).await })).await;
        written.unwrap();
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.app.api(&self.token, "GET", path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.app.api(&self.token, method, path, Some(body)).await
    }

    /// A hook that is on; `own` is merged into the request.
    pub async fn hook(&self, receiver: &Receiver, own: Value) -> Hook {
        let mut body = json!({"name": "hook", "event_type": EVENT.key(),
            "callback_url": receiver.url("/in"),
                              "api_key": "the-key", "enabled": true});
        body.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        let (status, hook) = self.ask("POST", "/hooks", body).await;
        assert_eq!(status, 201, "{hook}");
        let id = hook["id"].as_str().unwrap().to_owned();
        Hook { path: format!("/hooks/{id}"), id }
    }

    pub async fn change(&self, hook: &Hook, change: Value) -> Value {
        let (status, hook) = self.ask("PATCH", &hook.path, change).await;
        assert_eq!(status, 200, "{hook}");
        hook
    }

    /// Waits until the hook's health is in this state.
    pub async fn health(&self, hook: &Hook, state: &str) -> Value {
        eventually(&format!("the hook is {state}"), async || {
            let hook = self.get(&hook.path).await;
            (hook["health"]["state"] == state).then(|| hook["health"].clone())
        })
        .await
    }

    /// Emits events with these names and keys in one request and returns their ids.
    pub async fn emit<N: AsRef<str>, K: AsRef<str>>(&self, named: &[(N, K)]) -> Vec<String> {
        let mut ids = Vec::new();
        for named in named.chunks(1000) {
            let (status, accepted) = self.ask("POST", "/events", batch(named)).await;
            assert_eq!(status, 202, "{accepted}");
            ids.extend(
                accepted
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one["id"].as_str().unwrap().to_owned()),
            );
        }
        ids
    }

    /// Emits this many events with generated names.
    pub async fn emit_some(&self, count: usize) -> Vec<String> {
        self.emit(&names(count)).await
    }

    pub async fn emit_one(&self) -> String {
        self.emit_some(1).await.remove(0)
    }

    pub async fn delivery_in(&self, event: &str, state: &str) -> Value {
        self.app.delivery_in(&self.token, event, state).await
    }

    /// The number of deliveries in a state.
    pub async fn count(&self, state: &str) -> i64 {
        self.app.balance().await.of(State::from_key(state).unwrap())
    }

    /// Waits until this many deliveries are in a state.
    pub async fn all_in(&self, state: &str, count: usize) {
        eventually(&format!("{count} are {state}"), async || {
            let found = self.count(state).await;
            assert!(found <= count as i64, "{found} are {state}");
            (found == count as i64).then_some(())
        })
        .await;
    }
}

/// `0`, `1`, `2`, ..., each with a key of its own.
pub fn names(count: usize) -> Vec<(String, String)> {
    (0..count).map(|number| (number.to_string(), number.to_string())).collect()
}

/// A body with its own `id` and value of the member that the tests order by.
pub fn body(name: &str, key: &str) -> Value {
    let mut body: Value = serde_json::from_str(sample(EVENT)).unwrap();
    body["id"] = name.into();
    body["customerIdentifier"] = key.into();
    body
}

pub fn batch<N: AsRef<str>, K: AsRef<str>>(named: &[(N, K)]) -> Value {
    let event = |(name, key): &(N, K)| {
        json!({"type": EVENT.key(), "data": body(name.as_ref(),
        key.as_ref())})
    };
    named.iter().map(event).collect()
}

/// The fields in a problem document.
pub fn fields(problem: &Value) -> Vec<&str> {
    problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect()
}
