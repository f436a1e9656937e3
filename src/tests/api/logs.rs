//! The log of the real binary, and how it ends.

use std::{fs, fs::File, path::PathBuf, process::Stdio, time::Duration};

use serde_json::{Value, json};
use service_hooks::engine::{
    catalogue::sample, clock::Clock, config::Settings, delivery::client::plain_client,
};

use super::commands::{settings, wait_until_ready};
use crate::{
    engine::scene::EVENT,
    support::{
        binary::{Server, command, succeed},
        db::TestDb,
        on_both,
        receiver::{Receiver, Reply},
        within,
    },
};

on_both!(a_stop_takes_ten_seconds_at_most_and_loses_nothing);

/// A server with its own log, and a token for it.
struct Logged {
    settings: Settings,
    server: Server,
    log: PathBuf,
    token: String,
    client: reqwest::Client,
}

impl Logged {
    async fn start(db: &TestDb, environment: &[(&str, &str)]) -> Self {
        let settings = settings(db).await;
        succeed(&settings, &["migrate"], "");
        let make = ["token", "create", "--name", "all", "--permission"];
        let permissions =
            ["events:emit", "hooks:read", "hooks:write", "hooks:test", "deliveries:read"];
        let token = succeed(&settings, &[&make[..], &permissions[..]].concat(), "");
        let log = db.folder.path().join("server.log");
        let mut command = command(&settings, &["serve"]);
        command
            .envs(environment.iter().copied())
            .stderr(File::create(&log).unwrap())
            .stdout(Stdio::null());
        let server = Server(command.spawn().unwrap());
        wait_until_ready(settings.listen).await;
        Self { settings, server, log, token, client: plain_client().unwrap() }
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let url = format!("http://{}/api/v1{path}", self.settings.listen);
        let request = self.client.request(method.parse().unwrap(), url).bearer_auth(&self.token);
        request.header("content-type", "application/json").body(body.to_string())
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.request(method, path, body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn hook(&self, receiver: &Receiver) -> String {
        let hook = json!({"name": "hook", "event_type": EVENT.key(),
            "callback_url": receiver.url("/in"),
                          "api_key": "CANARY-key", "enabled": true});
        self.ask("POST", "/hooks", &hook).await["id"].as_str().unwrap().to_owned()
    }

    async fn emit(&self) -> String {
        let data: Value = serde_json::from_str(sample(EVENT)).unwrap();
        let accepted =
            self.ask("POST", "/events", &json!({"type": EVENT.key(), "data": data})).await;
        accepted["id"].as_str().unwrap().to_owned()
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(&self.log).unwrap().lines().map(str::to_owned).collect()
    }

    /// The first line that contains `words`.
    async fn line(&self, words: &str) -> String {
        within(60, words, async || self.lines().into_iter().find(|line| line.contains(words))).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_has_changes_of_hooks_but_not_each_delivery() {
    let db = TestDb::sqlite();
    let environment = [
        ("RUST_LOG", "info"),
        ("SERVICE_HOOKS_LOG__FORMAT", "json"),
        ("SERVICE_HOOKS_DELIVERY__PAUSE_AFTER", "2"),
        ("SERVICE_HOOKS_DELIVERY__FIRST_PROBE", "50ms"),
    ];
    let logged = Logged::start(&db, &environment).await;
    let receiver = Receiver::start().await;
    receiver.reply([500, 500].map(Reply::status));
    let hook = logged.hook(&receiver).await;
    logged.emit().await;
    logged.line("a hook is paused").await;
    logged.line("a hook has recovered").await;
    receiver.reply([Reply::status(410)]);
    logged.emit().await;
    logged.line("a hook was turned off").await;
    let lines = logged.lines();
    let said: Vec<Value> = lines
        .iter()
        .filter(|line| !line.is_empty())
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let of = |words: &str| {
        let found = said
            .iter()
            .find(|line| line["message"].as_str().is_some_and(|said| said.contains(words)));
        let found = found.unwrap_or_else(|| panic!("{words}: {lines:#?}"));
        (
            found["level"].as_str().unwrap(),
            found["hook.id"].as_str().unwrap(),
            found["reason"].as_str().unwrap(),
        )
    };
    assert_eq!(of("is paused"), ("WARN", hook.as_str(), "after server_error"));
    assert_eq!(of("has recovered"), ("INFO", hook.as_str(), "after success"));
    assert_eq!(of("was turned off"), ("WARN", hook.as_str(), "the receiver answered 410 Gone"));
    let attempts = said.iter().filter(|line| line["message"] == "attempt").count();
    assert_eq!(attempts, 0, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("CANARY")), "{lines:#?}");
    let figures = logged
        .client
        .get(format!("http://{}/metrics", logged.settings.listen))
        .send()
        .await
        .unwrap();
    let figures = figures.text().await.unwrap();
    for change in ["paused", "recovered", "switched_off"] {
        assert!(
            figures.contains(&format!("service_hooks_hook_changes_total{{change=\"{change}\"}} 1")),
            "{figures}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_rust_log_is_reported_and_the_default_applies() {
    let db = TestDb::sqlite();
    let logged = Logged::start(&db, &[("RUST_LOG", "debgu")]).await;
    let said = logged.line("RUST_LOG is not understood").await;
    assert!(said.contains("debgu") && said.contains("WARN"), "{said}");
    logged.line("listening").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_in_the_response_the_problem_and_the_log() {
    let db = TestDb::sqlite();
    let logged = Logged::start(&db, &[]).await;
    let ask = async |id: Option<&str>| {
        let mut request = logged.request("POST", "/hooks", &json!({"nonsense": 1}));
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        let answer = request.send().await.unwrap();
        let header = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(problem["request_id"], json!(header), "{problem}");
        header
    };
    assert_eq!(ask(Some("from-the-proxy.1")).await, "from-the-proxy.1");
    let made = ask(None).await;
    assert!(made.len() == 32 && made != ask(None).await, "{made}");
    assert_ne!(ask(Some("a b \"<x>")).await, "a b \"<x>");
    // The log contains the request id of a request that failed with a server error.
    let store = rusqlite::Connection::open(db.folder.path().join("test.db")).unwrap();
    store.execute_batch("ALTER TABLE jobs RENAME TO gone").unwrap();
    let answer = logged
        .request("GET", "/jobs", &json!({}))
        .header("x-request-id", "look-for-me")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 503);
    let line = logged.line("an API request failed").await;
    assert!(line.contains("look-for-me"), "{line}");
}

async fn a_stop_takes_ten_seconds_at_most_and_loses_nothing(db: TestDb) {
    let logged = Logged::start(&db, &[]).await;
    let receiver = Receiver::start().await;
    // Its timeout is 15 seconds.
    receiver.reply([Reply::never()]);
    logged.hook(&receiver).await;
    let event = logged.emit().await;
    receiver.wait_for(1).await;
    let Logged { settings, mut server, log, .. } = logged;
    let watch = Clock::System.stopwatch();
    server.signal("TERM");
    let status = within(60, "it ends", async || server.0.try_wait().unwrap()).await;
    assert!(watch.elapsed() < Duration::from_secs(14), "{:?}", watch.elapsed());
    let said = fs::read_to_string(log).unwrap();
    assert!(
        status.success() && said.contains("attempts in progress are aborted"),
        "{status}: {said}"
    );
    let _server = Server::start(&settings);
    let came = receiver.wait_for(2).await;
    assert_eq!(came[1].header("webhook-id"), event);
}
