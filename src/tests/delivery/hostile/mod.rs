//! Hostile receivers, 64 at a time, with the real binary: every attempt ends in time and is
//! recorded, and responses do not accumulate in memory.

mod odd;
mod rows;
mod server;

use std::time::Duration;

use serde_json::{Value, json};
use service_hooks::{
    domain::{
        delivery::Attempt,
        event::EventType,
        id::EventId,
        permission::{Actor, Grant, right},
    },
    engine::{
        catalogue::sample,
        config::Settings,
        store::{
            Store, attempts,
            deliveries::{self, Filter},
        },
    },
};

use rows::Row;
use server::{Conduct, Hostile};

use crate::support::{
    binary::{Server, command, succeed},
    db::TestDb,
    eventually,
};

const EVENT: EventType = EventType::WorkItemClosed;
/// Hooks on one event type, so that one event causes this many concurrent attempts.
const PARALLEL: usize = 64;
const DEADLINE: Duration = Duration::from_secs(2);
/// The maximum duration of an attempt, as a multiple of the slowest of 64 attempts with silent
/// receivers in the same run: on a slow machine those are slow too.
const STRETCH: i64 = 2;
/// A short disturbance of the machine is not a failure: only faults in every round count.
const TRIES: usize = 3;
/// Maximum memory growth during 64 hostile responses.
const GROWTH_KIB: usize = 32 * 1024;
/// Maximum bytes that one connection may take. Of a body 16 KiB are stored, of a head 128 KiB are
/// accepted, and of what precedes it 256 KiB; the rest is buffered by the kernel on both sides.
const BODY: usize = 512 * 1024;
const HEAD: usize = 2 * 1024 * 1024;
const KEPT: usize = 16 * 1024;

/// The real binary with 64 hooks, all of which lead to the hostile receiver.
struct Scene {
    settings: Settings,
    server: Server,
    hostile: Hostile,
    token: String,
    client: reqwest::Client,
    store: Store,
    grant: Grant<right::DeliveriesRead>,
}

impl Scene {
    async fn start(db: &TestDb) -> Self {
        let mut settings = db.settings();
        settings.listen =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let arguments =
            ["token", "create", "--name", "t", "--permission", "events:emit", "hooks:write"];
        let token = succeed(&settings, &arguments, "");
        let mut command = command(&settings, &["serve"]);
        command.env("SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE", "[]");
        command.env("SERVICE_HOOKS_DELIVERY__TIMEOUT", format!("{}ms", DEADLINE.as_millis()));
        let quiet = || std::process::Stdio::null();
        let server = Server(command.stderr(quiet()).stdout(quiet()).spawn().unwrap());
        let store = Store::open(&settings).await.unwrap();
        let grant = Actor::portal().require(right::DeliveriesRead).unwrap();
        let client = service_hooks::engine::delivery::client::plain_client().unwrap();
        let scene =
            Self { settings, server, hostile: Hostile::start(), token, client, store, grant };
        scene.make_hooks().await;
        scene
    }

    async fn make_hooks(&self) {
        let hook = |number: usize| {
            let url = format!("http://{}/{number}", self.hostile.address);
            json!({"name": "n", "event_type": EVENT.key(), "callback_url": url, "api_key": "k",
                "enabled": true})
        };
        // The first waits until the server is ready.
        eventually("the first hook is made", async || {
            self.post("hooks", hook(0).to_string()).await
        })
        .await;
        let others = (1..PARALLEL).map(|number| self.post("hooks", hook(number).to_string()));
        assert!(futures::future::join_all(others).await.iter().all(Option::is_some));
    }

    async fn post(&self, path: &str, body: String) -> Option<Value> {
        let url = format!("http://{}/api/v1/{path}", self.settings.listen);
        let answer = self.client.post(url).bearer_auth(&self.token).body(body).send().await.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).ok()
    }

    /// Emits one event and waits until all its deliveries were attempted.
    async fn round(&self) -> Vec<Attempt> {
        let event = format!(r#"{{"type":"{}","data":{}}}"#, EVENT.key(), sample(EVENT));
        let accepted = self.post("events", event).await.unwrap();
        let event: uuid::Uuid = accepted["id"].as_str().unwrap().parse().unwrap();
        let filter = Filter { event: Some(EventId(event)), ..Filter::default() };
        let tried = eventually("all are tried", async || {
            let mut conn = self.store.read().await.unwrap();
            let all = deliveries::page(&mut conn, &self.grant, &filter, None, 100).await.unwrap();
            assert_eq!(all.len(), PARALLEL);
            all.iter().all(|delivery| delivery.attempts == 1).then_some(all)
        })
        .await;
        let mut conn = self.store.read().await.unwrap();
        let mut found = Vec::new();
        for delivery in tried {
            found.extend(attempts::of(&mut conn, &self.grant, delivery.id).await.unwrap());
        }
        found
    }

    /// A round in which every receiver responds normally.
    async fn normal_round(&self) -> Vec<Attempt> {
        let ok = Conduct::HangUp(rows::ok("content-length: 2\r\nconnection: close\r\n\r\nok"));
        self.hostile.behave(vec![ok]);
        self.round().await
    }

    /// A field of the binary's `/proc/PID/status`, in KiB.
    fn memory(&self, line: &str) -> usize {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.server.0.id())).unwrap();
        let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        found.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Resets the kernel's peak memory counter.
    fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.server.0.id()), "5").unwrap();
    }
}

/// Limits for one group of receivers.
struct Bounds {
    millis: i64,
    kib: usize,
    bytes: usize,
}

/// Sends 64 concurrent attempts, one per row, and returns the faults found.
async fn suffer(scene: &Scene, rows: &[Row], bounds: &Bounds, before: usize) -> Vec<String> {
    scene.hostile.behave(rows.iter().map(|(_, conduct, _)| conduct.clone()).collect());
    scene.forget_peak();
    let attempts = scene.round().await;
    let growth = scene.memory("VmHWM").saturating_sub(before);
    eventually("connections are closed", async || (scene.hostile.open() == 0).then_some(())).await;
    let taken = scene.hostile.most();
    eprintln!(
        "{}: slowest {} ms, {growth} KiB more, {taken} bytes taken",
        rows[0].0,
        slowest(&attempts)
    );
    let mut wrong = Vec::new();
    for attempt in &attempts {
        let number: usize = attempt.url.rsplit('/').next().unwrap().parse().unwrap();
        let (name, _, class) = &rows[number % rows.len()];
        if attempt.duration_ms > bounds.millis {
            wrong.push(format!(
                "{name}: ended after {} ms of {}",
                attempt.duration_ms, bounds.millis
            ));
        }
        if attempt.answer.class() != *class {
            wrong.push(format!("{name}: {:?} {:?}", attempt.answer, attempt.detail));
        }
        if attempt.response_body.len() > KEPT {
            wrong.push(format!("{name}: {} bytes are kept", attempt.response_body.len()));
        }
    }
    if growth > bounds.kib {
        wrong.push(format!("{}: memory grew by {growth} KiB", rows[0].0));
    }
    if taken > bounds.bytes {
        wrong.push(format!("{}: {taken} bytes were taken", rows[0].0));
    }
    // Their permits are free again: the next attempts of the same hooks succeed.
    let next = scene.normal_round().await;
    if !next.iter().all(|attempt| attempt.answer.is_success()) {
        wrong.push(format!("after {}: {next:?}", rows[0].0));
    }
    wrong.dedup();
    wrong
}

fn slowest(attempts: &[Attempt]) -> i64 {
    attempts.iter().map(|attempt| attempt.duration_ms).max().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_at_once_cost_nothing_but_their_deadline() {
    let db = TestDb::sqlite();
    let scene = Scene::start(&db).await;
    // Normal growth of every process: connections, caches.
    for _ in 0..3 {
        scene.normal_round().await;
    }
    let before = scene.memory("VmRSS");
    scene.hostile.behave(vec![Conduct::Silence]);
    let millis = STRETCH * slowest(&scene.round().await);
    let groups = [
        (rows::slow(), GROWTH_KIB, BODY),
        (rows::one_flood(), GROWTH_KIB, HEAD),
        (rows::endless_body(), GROWTH_KIB, BODY),
        (rows::other_bodies(), GROWTH_KIB, BODY),
        (rows::endless_head(), GROWTH_KIB, HEAD),
        (rows::other_heads(), GROWTH_KIB, HEAD),
    ];
    for (rows, kib, bytes) in groups {
        let bounds = Bounds { millis, kib, bytes };
        let mut wrong = Vec::new();
        for _ in 0..TRIES {
            wrong.push(suffer(&scene, &rows, &bounds, before).await);
            if wrong.last().is_some_and(Vec::is_empty) {
                break;
            }
        }
        assert!(wrong.iter().any(Vec::is_empty), "faults in every round: {wrong:#?}");
    }
    scene.store.close().await;
}
