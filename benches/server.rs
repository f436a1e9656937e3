//! Runs Service Hooks like an operator does: the release binary as a process with default settings,
//! configured over its command line and HTTP API only. The process is killed when this is dropped.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use reqwest::Client;
use serde_json::{Value, json};
use service_hooks::engine::delivery::client::plain_client;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{
    Outcome, clock,
    database::{Database, DatabaseKind},
};

pub const API_KEY: &str = "key_0123456789abcdef0123456789abcdef";
const PERMISSIONS: [&str; 4] = ["events:emit", "hooks:write", "hooks:read", "deliveries:read"];
/// Time limit for the server to listen.
const TIMEOUT_SECONDS: f64 = 30.0;

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub binary: PathBuf,
    pub postgres: Option<String>,
}

/// A server on a database of its own.
pub struct Server {
    recipe: Recipe,
    kind: DatabaseKind,
    folder: TempDir,
    database: Database,
    port: u16,
    pub token: String,
    client: Client,
    process: Option<Child>,
}

/// The balance of deliveries that `doctor` reports.
#[derive(Debug)]
pub struct Balance {
    pub balanced: bool,
    pub accepted: usize,
    pub failed: usize,
    /// Pending, waiting or held.
    pub open: usize,
    /// The line of the report.
    pub words: String,
}

impl Server {
    /// Starts a server on a new database.
    pub async fn start(recipe: &Recipe, kind: DatabaseKind) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(
            folder.path().join("master.key"),
            "a key that is long enough for measuring",
        )?;
        let database =
            Database::create(kind, folder.path(), recipe.postgres.as_deref().unwrap_or_default())
                .await?;
        let mut server = Self {
            recipe: recipe.clone(),
            kind,
            folder,
            database,
            port: std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port(),
            token: String::new(),
            client: plain_client()?,
            process: None,
        };
        let arguments =
            [&["token", "create", "--name", "bench", "--permission"], &PERMISSIONS[..]].concat();
        server.token = server.output(&arguments).await?;
        server.resume().await?;
        Ok(server)
    }

    /// Starts the process on the existing database, and waits until it listens. Returns the time of
    /// the start.
    pub async fn resume(&mut self) -> Outcome<u64> {
        let started = clock::now();
        let log = std::fs::File::create(self.log())?;
        self.process = Some(self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn()?);
        loop {
            let answer = self.client.get(format!("http://{}/healthz", self.address())).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(started);
            }
            if clock::seconds_since(started) > TIMEOUT_SECONDS {
                return Err(
                    format!("the server does not listen; its log:\n{}", self.log_text()).into()
                );
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// `kill -9`
    pub async fn kill(&mut self) -> Outcome {
        match self.process.take() {
            Some(mut process) => Ok(process.kill().await?),
            None => Ok(()),
        }
    }

    /// Stops the server and removes its database.
    pub async fn remove(mut self) -> Outcome {
        self.kill().await?;
        let log = self.log_text();
        for line in
            log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).take(5)
        {
            eprintln!("   the server ({:?}) logged: {line}", self.kind);
        }
        self.database.remove().await
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn pid(&self) -> Outcome<u32> {
        let pid = self.process.as_ref().and_then(Child::id);
        Ok(pid.ok_or_else(|| format!("the server is not running; its log:\n{}", self.log_text()))?)
    }

    /// Creates a hook that is switched on.
    pub async fn hook(&self, event: &str, url: &str) -> Outcome<String> {
        let body = json!({"name": "bench", "event_type": event, "callback_url": url,
            "api_key": API_KEY, "enabled": true});
        let request = self
            .client
            .post(format!("http://{}/api/v1/hooks", self.address()))
            .body(body.to_string());
        let hook = self.answer(request).await?;
        Ok(hook["id"].as_str().ok_or("a hook without an id")?.to_owned())
    }

    pub async fn keep_order(&self, hook: &str, member: &str) -> Outcome {
        let url = format!("http://{}/api/v1/hooks/{hook}", self.address());
        self.answer(self.client.patch(url).body(json!({"order_by": member}).to_string()))
            .await
            .map(drop)
    }

    /// Is a delivery (of this hook) in this state? The query sees what is committed when it begins.
    pub async fn any_in(&self, state: &str, hook: Option<&str>) -> Outcome<bool> {
        let of_hook = hook.map(|hook| format!("&hook={hook}")).unwrap_or_default();
        let url =
            format!("http://{}/api/v1/deliveries?limit=1&state={state}{of_hook}", self.address());
        let page = self.answer(self.client.get(url)).await?;
        Ok(page["items"].as_array().is_some_and(|items| !items.is_empty()))
    }

    pub fn database_url(&self) -> &str {
        &self.database.url
    }

    /// Makes an administrator and signs in as a browser does. Returns the cookie.
    pub async fn sign_in(&self) -> Outcome<String> {
        let (email, password) = ("bench@example.org", "correct horse battery staple");
        let arguments =
            ["user", "create", "--email", email, "--role", "administrator", "--password-stdin"];
        let mut child =
            self.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let mut input = child.stdin.take().ok_or("no standard input")?;
        tokio::io::AsyncWriteExt::write_all(&mut input, password.as_bytes()).await?;
        drop(input);
        if !child.wait().await?.success() {
            return Err("the user was not created".into());
        }
        let body =
            format!("email={}&password={}", email.replace('@', "%40"), password.replace(' ', "+"));
        let answer = self
            .client
            .post(format!("http://{}/rpc/service_hooks/rpc/session/sign_in", self.address()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .header("accept", "text/html")
            .body(body)
            .send()
            .await?;
        let to = answer.headers().get("location").ok_or("signing in led nowhere")?.to_str()?;
        if to.starts_with("/sign-in") {
            return Err(format!("signing in led to {to}").into());
        }
        let set =
            answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let pairs: Vec<&str> = set.filter_map(|cookie| cookie.split(';').next()).collect();
        Ok(pairs.join("; "))
    }

    /// Requests a page like a browser and reads it completely.
    pub async fn page(&self, cookie: &str, path: &str) -> Outcome {
        let request = self.client.get(format!("http://{}{path}", self.address()));
        let answer = request.header("cookie", cookie).header("accept", "text/html").send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if status.is_success() { Ok(()) } else { Err(format!("{path}: {status}: {text}").into()) }
    }

    /// Runs `doctor` next to the server and parses its balance.
    pub async fn balance(&self) -> Outcome<Balance> {
        let report: Value = serde_json::from_str(&self.output_of(&["doctor", "--json"]).await?.1)?;
        let checks = report["checks"].as_array().ok_or("doctor without checks")?;
        let balance = checks
            .iter()
            .find(|check| check["name"] == "balance")
            .ok_or("doctor without a balance")?;
        let words = balance["words"].as_str().unwrap_or_default().to_owned();
        // `7 accepted = 0 pending + ... + 7 delivered + ...`
        let tokens: Vec<&str> = words.split_whitespace().collect();
        let count = |name: &str| {
            let pair = tokens.windows(2).find(|pair| pair[1] == name);
            pair.and_then(|pair| pair[0].parse::<usize>().ok())
                .ok_or_else(|| format!("doctor does not count {name}: {words}"))
        };
        let (accepted, failed) = (count("accepted")?, count("failed")?);
        let open = count("pending")? + count("waiting")? + count("held")?;
        Ok(Balance { balanced: balance["well"] == true, accepted, failed, open, words })
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Outcome<Value> {
        let answer = request
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .send()
            .await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if status.is_success() {
            Ok(serde_json::from_str(&text)?)
        } else {
            Err(format!("{status}: {text}").into())
        }
    }

    async fn output(&self, arguments: &[&str]) -> Outcome<String> {
        let (success, output) = self.output_of(arguments).await?;
        if success { Ok(output) } else { Err(format!("{arguments:?} failed: {output}").into()) }
    }

    /// Runs a command of the binary. Returns whether it succeeded, and its output. `doctor` fails
    /// when it finds a problem.
    async fn output_of(&self, arguments: &[&str]) -> Outcome<(bool, String)> {
        let output = self.command(arguments).stderr(Stdio::inherit()).output().await?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).trim_end().to_owned()))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let folder: &Path = self.folder.path();
        let mut command = Command::new(&self.recipe.binary);
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("SERVICE_HOOKS_DATABASE_URL", &self.database.url)
            .env("SERVICE_HOOKS_DATA_DIR", folder)
            .env("SERVICE_HOOKS_MASTER_KEY_FILE", folder.join("master.key"))
            .env("SERVICE_HOOKS_LISTEN", self.address())
            .env("SERVICE_HOOKS_EGRESS__ALLOW_HTTP", "true")
            .env("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS", r#"["127.0.0.0/8"]"#)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }
}
