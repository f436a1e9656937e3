//! Hostile clients and receivers, at a server with few file descriptors: pages and events of others
//! still work, and all accepted events are delivered.

mod clients;
mod neighbours;
mod receivers;

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use clients::Kind;
use serde_json::{Value, json};
use service_hooks::{
    domain::{event::EventType, id::HookId},
    engine::{catalogue::sample, clock::Clock, config::Settings},
};

use crate::support::{
    binary::{self, Server, succeed},
    db::TestDb,
    eventually, on_both,
    receiver::Receiver,
};

on_both!(hostile_clients_do_not_block_others, a_client_that_never_reads_is_disconnected);

const EVENT: EventType = EventType::WorkItemClosed;
/// The server's limit of file descriptors. Of each kind there are four times as many clients as it
/// has connections.
const DESCRIPTORS: usize = 256;
const CLIENTS: usize = DESCRIPTORS * 2;
const EVENTS: usize = 20;

/// A running server with this few descriptors.
struct Scene {
    settings: Settings,
    token: String,
    client: reqwest::Client,
    _server: Server,
    _db: TestDb,
}

impl Scene {
    async fn start(db: TestDb) -> Self {
        Self::start_with(db, &[]).await
    }

    /// With further settings, as environment variables.
    async fn start_with(db: TestDb, variables: &[(&str, &str)]) -> Self {
        let mut settings = db.settings();
        settings.listen =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let arguments = [
            "token",
            "create",
            "--name",
            "t",
            "--permission",
            "events:emit",
            "hooks:write",
            "deliveries:read",
        ];
        let token = succeed(&settings, &arguments, "");
        let serve = binary::command(&settings, &["serve"]);
        let mut limited = Command::new("sh");
        limited
            .args(["-c", &format!("ulimit -n {DESCRIPTORS}; exec \"$0\" serve"), binary::PATH])
            .current_dir(&settings.data_dir)
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for (name, value) in serve.get_envs() {
            limited.env(name, value.unwrap_or_default());
        }
        limited.envs(variables.iter().copied());
        let server = Server(limited.spawn().unwrap());
        let client = service_hooks::engine::delivery::client::plain_client().unwrap();
        let scene = Self { settings, token, client, _server: server, _db: db };
        eventually("the server is ready", async || {
            (scene.page("/readyz").await == Some(200)).then_some(())
        })
        .await;
        scene
    }

    /// The status of a page, if there was a response.
    async fn page(&self, path: &str) -> Option<u16> {
        let request = self.client.get(format!("http://{}{path}", self.settings.listen));
        // A kept-alive connection may be closed for its age just when it is reused.
        Some(
            request
                .header("connection", "close")
                .timeout(Duration::from_secs(60))
                .send()
                .await
                .ok()?
                .status()
                .as_u16(),
        )
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.client.post(format!("http://{}/api/v1{path}", self.settings.listen));
        let request = request.bearer_auth(&self.token).header("content-type", "application/json");
        let request = request.header("connection", "close");
        let answer =
            request.body(body.to_string()).timeout(Duration::from_secs(60)).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// Creates a hook that is on and leads to this URL.
    async fn hook(&self, url: &str) -> HookId {
        let hook = json!({"name": "hook", "event_type": EVENT.key(), "callback_url": url,
            "api_key": "the-key",
                          "enabled": true});
        let (status, hook) = self.post("/hooks", hook).await;
        assert_eq!(status, 201, "{hook}");
        hook["id"].as_str().unwrap().parse().unwrap()
    }

    async fn delete(&self, hook: HookId) {
        let request =
            self.client.delete(format!("http://{}/api/v1/hooks/{hook}", self.settings.listen));
        let request = request.bearer_auth(&self.token).header("connection", "close");
        assert_eq!(request.send().await.unwrap().status().as_u16(), 204);
    }

    /// Emits an event and returns its id.
    async fn emit(&self) -> String {
        let data: Value = serde_json::from_str(sample(EVENT)).unwrap();
        let (status, accepted) =
            self.post("/events", json!({"type": EVENT.key(), "data": data})).await;
        assert_eq!(status, 202, "{accepted}");
        accepted["id"].as_str().unwrap().to_owned()
    }
}

async fn hostile_clients_do_not_block_others(db: TestDb) {
    let scene = Scene::start(db).await;
    let receiver = Receiver::start().await;
    scene.hook(&receiver.url("/in")).await;
    let mut emitted = 0;
    for kind in Kind::ALL {
        let watch = Clock::System.stopwatch();
        let _crowd = clients::crowd(kind, scene.settings.listen, CLIENTS).await;
        let (crowded, mut slowest) = (watch.elapsed(), Duration::ZERO);
        for _ in 0..EVENTS {
            let watch = Clock::System.stopwatch();
            scene.emit().await;
            assert_eq!(scene.page("/sign-in").await, Some(200), "beside clients of kind {kind:?}");
            slowest = slowest.max(watch.elapsed());
        }
        eprintln!("{kind:?}: there after {crowded:?}; the slowest event and page took {slowest:?}");
        emitted += EVENTS;
        receiver.wait_for(emitted).await;
    }
}

/// It is closed even if the server has free connections.
async fn a_client_that_never_reads_is_disconnected(db: TestDb) {
    let scene = Scene::start(db).await;
    let mut client = clients::never_reads(scene.settings.listen).await;
    eventually("it is closed", async || clients::is_closed(&mut client).await.then_some(())).await;
}
