//! Servers that share a database, and queries about their state in it.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    process::Child,
    time::Duration,
};

use reqwest::Client;
use serde_json::{Value, json};
use service_hooks::{
    domain::{
        event::EventType,
        permission::{Actor, right},
    },
    engine::{
        clock::{Clock, random_unit},
        config::Settings,
        delivery::client::plain_client,
        store::{Store, balance},
    },
};
use sqlx::Connection;
use uuid::Uuid;

use crate::support::{
    binary::{Server, succeed},
    db::TestDb,
    receiver::Receiver,
    within,
};

pub const EVENT: EventType = EventType::WorkItemClosed;
/// Maximum seconds until another node takes over the lanes of a node that crashed (README, design).
pub const TAKEOVER_SECONDS: u64 = 15;

/// Maximum time until all open deliveries are settled after the last event.
const SETTLE: Duration = crate::support::PATIENCE;

/// One server.
pub struct Node {
    pub settings: Settings,
    pub server: Server,
    /// Its id in the database.
    pub id: Uuid,
    pub log: PathBuf,
}

/// Several server processes on one PostgreSQL database.
pub struct Cluster {
    pub db: TestDb,
    pub nodes: Vec<Node>,
    pub token: String,
    pub client: Client,
    started: usize,
    tune: fn(&mut Settings),
}

impl Node {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.settings.listen)
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.server.0
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Cluster {
    pub async fn start(db: TestDb, count: usize) -> Self {
        Self::start_with(db, count, |_| {}).await
    }

    /// Servers with changed settings.
    pub async fn start_with(db: TestDb, count: usize, tune: fn(&mut Settings)) -> Self {
        let permissions = [
            "events:emit",
            "hooks:read",
            "hooks:write",
            "hooks:test",
            "deliveries:read",
            "deliveries:replay",
        ];
        let arguments =
            [&["token", "create", "--name", "t", "--permission"], &permissions[..]].concat();
        let token = succeed(&db.settings(), &arguments, "");
        let mut cluster = Self {
            db,
            nodes: Vec::new(),
            token,
            client: plain_client().unwrap(),
            started: 0,
            tune,
        };
        for _ in 0..count {
            cluster.join().await;
        }
        cluster
    }

    /// Starts one more server and returns when it takes part.
    pub async fn join(&mut self) {
        let mut settings = self.db.settings();
        (self.tune)(&mut settings);
        settings.listen =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        self.started += 1;
        let log = self.db.folder.path().join(format!("node-{}.log", self.started));
        let before = self.known().await;
        let server = Server::start_logged(&settings, &log);
        let id = within(30, "a new node is listed", async || {
            self.known().await.into_iter().find(|id| !before.contains(id))
        })
        .await;
        let node = Node { settings, server, id, log };
        within(30, "a new node answers", async || {
            let ready = self
                .client
                .get(format!("http://{}/readyz", node.settings.listen))
                .send()
                .await
                .ok()?;
            (ready.status() == 200).then_some(())
        })
        .await;
        self.nodes.push(node);
    }

    /// The index of a random node.
    pub fn any(&self) -> usize {
        (random_unit() * self.nodes.len() as f64) as usize
    }

    pub async fn ask<T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin>(
        &self,
        question: &'static str,
    ) -> Vec<T> {
        let mut conn = sqlx::PgConnection::connect(&self.db.settings().database_url).await.unwrap();
        let rows = sqlx::query_as(question).fetch_all(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        rows
    }

    /// Warnings and errors in the servers' logs.
    pub fn errors(&self) -> String {
        let logs: String = self.nodes.iter().map(Node::log).collect();
        logs.lines().filter(|line| line.contains("ERROR")).collect::<Vec<_>>().join("\n")
    }

    async fn known(&self) -> HashSet<Uuid> {
        self.ask::<(Uuid,)>("SELECT id FROM nodes").await.into_iter().map(|(id,)| id).collect()
    }

    /// The owner of each hook's lane; lanes without an owner are missing.
    pub async fn owners(&self) -> HashMap<Uuid, Uuid> {
        let rows: Vec<(Uuid, Uuid)> = self
            .ask(
                "SELECT l.hook_id, l.node_id FROM lanes l JOIN nodes n ON n.id = l.node_id
                 WHERE n.until >= EXTRACT(EPOCH FROM clock_timestamp()) * 1000",
            )
            .await;
        rows.into_iter().collect()
    }

    /// The hooks of one node.
    pub async fn hooks_of(&self, node: Uuid) -> HashSet<Uuid> {
        self.owners()
            .await
            .into_iter()
            .filter(|(_, owner)| *owner == node)
            .map(|(hook, _)| hook)
            .collect()
    }

    pub async fn api(&self, node: usize, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.client.request(method.parse().unwrap(), self.nodes[node].url(path));
        let answer = request.bearer_auth(&self.token).body(body.to_string()).send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The value of a metric of a node, summed over its labels.
    pub async fn figure(&self, node: usize, name: &str) -> f64 {
        let address = self.nodes[node].settings.listen;
        let text = self
            .client
            .get(format!("http://{address}/metrics"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let is_it = rest.starts_with([' ', '{']);
            is_it.then(|| rest.rsplit(' ').next()?.parse::<f64>().ok()).flatten()
        });
        values.sum()
    }

    /// Creates a hook with its own path, through a random node; `more` is merged into the request.
    pub async fn hook(&self, receiver: &Receiver, path: &str, more: Value) -> Uuid {
        let mut body = json!({"name": path, "event_type": EVENT.key(),
            "callback_url": receiver.url(path),
                              "api_key": "first-key", "enabled": true});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, hook) = self.api(self.any(), "POST", "/hooks", body).await;
        assert_eq!(status, 201, "{hook}");
        hook["id"].as_str().unwrap().parse().unwrap()
    }

    /// Creates hooks until every node owns some. Returns them with their paths.
    pub async fn hooks_everywhere(
        &self,
        receiver: &Receiver,
        each: usize,
        more: Value,
    ) -> HashMap<Uuid, String> {
        let mut hooks = HashMap::new();
        loop {
            for _ in 0..self.nodes.len() {
                let path = format!("/in/{}", hooks.len());
                hooks.insert(self.hook(receiver, &path, more.clone()).await, path);
            }
            let owners = within(TAKEOVER_SECONDS, "every hook has a node", async || {
                let owners = self.owners().await;
                hooks.keys().all(|hook| owners.contains_key(hook)).then_some(owners)
            })
            .await;
            let has =
                |node: &Node| owners.values().filter(|owner| **owner == node.id).count() >= each;
            if self.nodes.iter().all(has) {
                return hooks;
            }
        }
    }

    /// Emits one event through a node and returns its id.
    pub async fn emit(&self, node: usize) -> String {
        let data: Value =
            serde_json::from_str(service_hooks::engine::catalogue::sample(EVENT)).unwrap();
        let (status, accepted) =
            self.api(node, "POST", "/events", json!({"type": EVENT.key(), "data": data})).await;
        assert_eq!(status, 202, "{accepted}");
        accepted["id"].as_str().unwrap().to_owned()
    }

    /// Waits until nothing is open, then checks that the balance holds and that no deadlock
    /// occurred.
    pub async fn assert_balanced(&self) {
        let watch = Clock::System.stopwatch();
        loop {
            let open: Vec<(String, bool, bool, String, i64)> = self
                .ask(
                    "SELECT h.name, h.enabled, s.paused_at IS NOT NULL, d.state, COUNT(*) FROM \
                     deliveries d
                     JOIN hooks h ON h.id = d.hook_id LEFT JOIN health s ON s.hook_id = h.id
                     WHERE d.state IN ('pending', 'waiting', 'held') GROUP BY 1, 2, 3, 4",
                )
                .await;
            if open.is_empty() {
                break;
            }
            assert!(watch.elapsed() < SETTLE, "still open: {open:?}; {}", self.errors());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let deadlocks: Vec<(i64,)> = self
            .ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            .await;
        assert_eq!(deadlocks[0].0, 0, "a deadlock occurred");
        let grant = Actor::portal().require(right::SystemRead).unwrap();
        let store = Store::open(&self.db.settings()).await.unwrap();
        let balance = balance::read(&mut store.read().await.unwrap(), &grant).await.unwrap();
        assert!(balance.holds(), "{balance:?}");
        store.close().await;
    }
}
