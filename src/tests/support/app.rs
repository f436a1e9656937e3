//! A running portal on its own port, and HTTP clients that behave like programs and browsers.

use std::sync::Arc;

use reqwest::{
    Client, RequestBuilder, Response,
    header::{COOKIE, SET_COOKIE},
};
use serde_json::{Value, json};
use service_hooks::{
    domain::{
        event::EventType,
        liveness::Overdue,
        permission::{Actor, Permission, Role, right},
    },
    engine::{
        catalogue::sample,
        config::Settings,
        dispatcher::Config,
        store::{
            audit,
            balance::{self, Balance},
        },
    },
    portal::{
        ctx::OpCtx,
        ops::{self, users::NewUser},
    },
    runtime::{self, Running},
};

use super::{
    PATIENCE,
    db::{self, TestDb},
    receiver::Receiver,
    within,
};

pub const PASSWORD: &str = "correct horse battery";

/// A running portal with its database.
pub struct TestApp {
    pub running: Running,
    pub client: Client,
    pub db: Arc<TestDb>,
}

/// A browser without scripts: it keeps cookies and sends them back.
#[derive(Clone)]
pub struct Browser {
    client: Client,
    base: String,
    pub cookie: String,
}

impl TestApp {
    pub async fn start(db: TestDb) -> Self {
        let config = db::config(db.settings());
        Self::start_with(Arc::new(db), config).await
    }

    pub async fn start_with(db: Arc<TestDb>, config: Config) -> Self {
        let running = runtime::start(config).await.unwrap();
        Self { running, client: client(), db }
    }

    /// Shuts the server down gracefully and starts it again on the same database.
    pub async fn restart(self) -> Self {
        let settings = self.db.settings();
        self.restart_with(settings).await
    }

    /// Like `restart`, with changed settings.
    pub async fn restart_with(self, settings: Settings) -> Self {
        let Self { running, db, .. } = self;
        running.shutdown().await;
        Self::start_with(db, db::config(settings)).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address)
    }

    pub fn ctx(&self) -> OpCtx {
        OpCtx::portal_itself(self.running.portal.clone())
    }

    /// A token with these permissions.
    pub async fn token(&self, permissions: &[&str]) -> String {
        let keys: Vec<String> = permissions.iter().map(|key| (*key).to_owned()).collect();
        ops::tokens::create(&self.ctx(), "test", &keys).await.unwrap().1
    }

    /// A token with all permissions.
    pub async fn full_token(&self) -> String {
        let all: Vec<&str> = Permission::ALL.iter().map(|permission| permission.key()).collect();
        self.token(&all).await
    }

    /// A browser signed in with a role, through the sign-in form.
    pub async fn browser(&self, role: Role) -> Browser {
        let email = format!("{}@example.org", role.key());
        let new = NewUser {
            email: email.clone(),
            role: role.key().into(),
            password: PASSWORD.into(),
            ..NewUser::default()
        };
        ops::users::create(&self.ctx(), new).await.unwrap();
        let mut browser = self.stranger();
        let form = [("email", email.as_str()), ("password", PASSWORD)];
        let answer = browser.post("/rpc/service_hooks/rpc/session/sign_in", &form).await;
        assert_eq!(answer.status(), 303);
        browser.keep_cookie(&answer);
        browser
    }

    /// A browser that is not signed in.
    pub fn stranger(&self) -> Browser {
        Browser { client: self.client.clone(), base: self.url(""), cookie: String::new() }
    }

    /// The same, from another address of this machine: `127.0.0.LAST`.
    pub fn stranger_at(&self, last: u8) -> Browser {
        #[expect(
            clippy::disallowed_methods,
            reason = "no client of ours has an address of its own"
        )]
        let builder = Client::builder().local_address(std::net::IpAddr::from([127, 0, 0, last]));
        let tls = service_hooks::engine::delivery::client::tls().unwrap();
        let builder = builder.redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = builder.tls_backend_preconfigured(tls).build().unwrap();
        Browser { client, ..self.stranger() }
    }

    pub async fn api(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = self.request(method, &format!("/api/v1{path}")).bearer_auth(token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        answer(request.send().await.unwrap()).await
    }

    /// Sends a body of raw bytes.
    pub async fn api_raw(
        &self,
        token: &str,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> (u16, Value) {
        let request = self.request("POST", &format!("/api/v1{path}")).bearer_auth(token).body(body);
        answer(request.send().await.unwrap()).await
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method.parse().unwrap(), self.url(path))
    }

    /// Creates a hook that is on and leads to a receiver.
    pub async fn hook(&self, token: &str, event: EventType, receiver: &Receiver) -> Value {
        let body = json!({"name": "hook", "event_type": event.key(),
            "callback_url": receiver.url("/in"),
                          "api_key": "the-key", "enabled": true});
        let (status, hook) = self.api(token, "POST", "/hooks", Some(body)).await;
        assert_eq!(status, 201, "{hook}");
        hook
    }

    /// Creates a hook with one delivered event. Returns the ids of the hook and of the delivery.
    pub async fn hook_that_delivered(&self, token: &str, receiver: &Receiver) -> (String, String) {
        let hook = self.hook(token, EventType::WorkItemClosed, receiver).await;
        let event = self.emit_sample(token, EventType::WorkItemClosed).await;
        let delivery = self.delivery_in(token, &event, "delivered").await;
        let id = |of: &Value| of["id"].as_str().unwrap().to_owned();
        (id(&hook), id(&delivery))
    }

    /// Emits an event's sample and returns the event's id.
    pub async fn emit_sample(&self, token: &str, event: EventType) -> String {
        let data: Value = serde_json::from_str(sample(event)).unwrap();
        let (status, accepted) = self
            .api(token, "POST", "/events", Some(json!({"type": event.key(), "data": data})))
            .await;
        assert_eq!(status, 202, "{accepted}");
        accepted["id"].as_str().unwrap().to_owned()
    }

    /// The only delivery of an event, once it is in `state`.
    pub async fn delivery_in(&self, token: &str, event: &str, state: &str) -> Value {
        self.delivery_in_within(10, token, event, state).await
    }

    /// The same, with its own timeout.
    pub async fn delivery_in_within(
        &self,
        seconds: u64,
        token: &str,
        event: &str,
        state: &str,
    ) -> Value {
        within(seconds, &format!("{event} is {state}"), async || {
            let (_, story) = self.api(token, "GET", &format!("/events/{event}"), None).await;
            let delivery = story["deliveries"][0].clone();
            (delivery["state"] == state).then_some(delivery)
        })
        .await
    }

    /// Checks that accepted = sum of states + pruned, and that no lane sleeps although deliveries
    /// are due. Call it at the end of every test that emits.
    pub async fn assert_balanced(&self) {
        self.assert_live().await;
        let balance = self.balance().await;
        assert!(balance.holds(), "{balance:?}");
    }

    /// Checks that due deliveries of hooks that are ready are attempted. (Attempts that hang may
    /// take long.)
    pub async fn assert_live(&self) {
        let due = async || self.running.portal.dispatcher.due().await.unwrap();
        let mut before = due().await;
        before.retain(|one| one.bound <= PATIENCE);
        within(60, "due deliveries are attempted", async || {
            let after = due().await;
            let is_there = |one: &Overdue| {
                after.iter().any(|it| {
                    (it.hook, it.delivery, it.since) == (one.hook, one.delivery, one.since)
                })
            };
            (!before.iter().any(is_there)).then_some(())
        })
        .await;
    }

    /// The number of deliveries in each state.
    pub async fn balance(&self) -> Balance {
        let grant = Actor::portal().require(right::SystemRead).unwrap();
        balance::read(&mut self.running.portal.store().read().await.unwrap(), &grant).await.unwrap()
    }

    /// The audit log entries of a target, oldest first: actor and action.
    pub async fn audit(&self, target: &str) -> Vec<(String, String)> {
        let grant = Actor::portal().require(right::AuditRead).unwrap();
        let mut conn = self.running.portal.store().read().await.unwrap();
        let newest_first = audit::for_target(&mut conn, &grant, target, 100).await.unwrap();
        newest_first.into_iter().rev().map(|entry| (entry.actor, entry.action)).collect()
    }
}

impl Browser {
    pub fn keep_cookie(&mut self, answer: &Response) {
        let cookies =
            answer.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
        for cookie in cookies {
            let pair = cookie.split(';').next().unwrap();
            let name = pair.split('=').next().unwrap();
            let others = self
                .cookie
                .split("; ")
                .filter(|kept| !kept.is_empty() && !kept.starts_with(&format!("{name}=")));
            self.cookie = others.chain([pair]).collect::<Vec<_>>().join("; ");
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.base)).header("accept", "text/html");
        request.header(COOKIE, &self.cookie).send().await.unwrap()
    }

    /// Posts a form as a browser does.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.post_with(path, form, &[("sec-fetch-site", "same-origin"), ("accept", "text/html")])
            .await
    }

    pub async fn post_with(
        &self,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Response {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .header(COOKIE, &self.cookie)
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

/// The target of a redirect.
pub fn location(answer: &Response) -> &str {
    answer.headers().get("location").map(|value| value.to_str().unwrap()).unwrap_or_default()
}

async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn client() -> Client {
    service_hooks::engine::delivery::client::plain_client().unwrap()
}
