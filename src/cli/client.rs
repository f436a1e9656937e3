//! Commands that call a running server through its HTTP API.

use std::io::{Read, Write};

use clap::{Args, Subcommand};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json, value::RawValue};

use super::{
    export::Export,
    failure::{Failure, Outcome},
    input::{known_event, secret_from_stdin},
    print,
};
use crate::{
    engine::{
        catalogue::sample, config::client_variable, delivery::client::plain_client,
        store::error::chain,
    },
    view::words::commands,
};

const DEFAULT_SERVER: &str = "http://127.0.0.1:3000";

#[derive(Args)]
pub struct Server {
    /// URL of the server (or SERVICE_HOOKS_SERVER); by default port 3000 of this computer
    #[arg(long, global = true)]
    server: Option<String>,
    /// Bearer token (or SERVICE_HOOKS_TOKEN)
    #[arg(long, global = true)]
    token: Option<String>,
}

#[derive(Subcommand)]
pub enum Hook {
    /// Create a hook
    Create {
        /// Name of the hook, such as "CRM callbacks"
        #[arg(long)]
        name: String,
        /// Event type, such as work_item.closed
        #[arg(long)]
        event: String,
        /// Callback URL
        #[arg(long)]
        url: String,
        /// Read the API key from standard input
        #[arg(long, required = true)]
        api_key_stdin: bool,
        /// Turn the hook on
        #[arg(long)]
        enabled: bool,
    },
    /// List all hooks
    List,
    /// Turn a hook on
    Enable { id: String },
    /// Turn a hook off
    Disable { id: String },
    /// Delete a hook
    Delete { id: String },
    /// Send a hook's waiting deliveries now, for example after its receiver was repaired
    TryNow { id: String },
    /// Dismiss undelivered events of a hook: they are not sent, and stay in the log with the reason
    Dismiss {
        id: String,
        /// What to dismiss: failed, skipped or held
        #[arg(long)]
        state: String,
        /// Why they need not be sent
        #[arg(long)]
        reason: String,
    },
    /// Bring back the events of a dismissal
    BringBack {
        /// The dismissal's id
        dismissal: String,
    },
}

#[derive(Subcommand)]
pub enum Delivery {
    /// Send a delivery now: one that waits for a retry, is held by a paused hook, or is finished
    TryNow { id: String },
    /// Redeliver a finished delivery to its hook's current URL (the same as try-now)
    Redeliver { id: String },
    /// Print all deliveries that match, as CSV or JSON Lines
    Export(Export),
}

#[derive(Subcommand)]
pub enum Job {
    /// List the newest redelivery jobs
    List,
    /// Show what a job has redelivered, and what arrived
    Show { id: String },
}

#[derive(Args)]
pub struct Emission {
    /// Event type, such as work_item.closed
    key: String,
    /// Send the event type's example payload
    #[arg(long, required_unless_present = "data", conflicts_with = "data")]
    example: bool,
    /// Send the payload in a file (- for standard input)
    #[arg(long)]
    data: Option<String>,
}

pub async fn hook(server: &Server, command: Hook, json: bool) -> Outcome {
    match command {
        Hook::Create { name, event, url, api_key_stdin: _, enabled } => {
            known_event(&event)?;
            let api_key = secret_from_stdin("API key")?;
            let body = json!({"name": name, "event_type": event, "callback_url": url,
                "api_key": api_key, "enabled": enabled});
            let created =
                server.call(Method::POST, "/api/v1/hooks", Some(body.to_string())).await?;
            if let Some(warning) = created["warning"].as_str() {
                eprintln!("warning: {warning}");
            }
            let text = format!(
                "{}\nsigning secret: {}",
                text(&created["id"]),
                text(&created["signing_secret"])
            );
            print::result(json, &text, &created);
        }
        Hook::List => list(server, json).await?,
        Hook::Enable { id } => set_enabled(server, &id, true, json).await?,
        Hook::Disable { id } => set_enabled(server, &id, false, json).await?,
        Hook::Delete { id } => {
            server.call(Method::DELETE, &hook_path(&id), None).await?;
            print::result(json, &commands::hook_deleted(&id), &json!({"deleted": id}));
        }
        Hook::TryNow { id } => {
            let asked =
                server.call(Method::POST, &format!("{}/try-now", hook_path(&id)), None).await?;
            let count = asked["brought_forward"].as_i64().unwrap_or(0);
            let text = commands::sending_now(count, asked["or_more"] == true);
            print::result(json, &text, &asked);
        }
        Hook::Dismiss { id, state, reason } => {
            let body = json!({"state": state, "reason": reason}).to_string();
            let path = format!("{}/dismiss", hook_path(&id));
            let made = server.call(Method::POST, &path, Some(body)).await?;
            let number = made["number"].as_i64().unwrap_or(0);
            print::result(json, &commands::dismissed(text(&made["id"]), number), &made);
        }
        Hook::BringBack { dismissal } => {
            let path = format!("/api/v1/dismissals/{}/undo", in_path(&dismissal));
            let undone = server.call(Method::POST, &path, None).await?;
            print::result(json, commands::BROUGHT_BACK, &undone);
        }
    }
    Ok(())
}

pub async fn delivery(server: &Server, command: Delivery, json: bool) -> Outcome {
    let id = match command {
        Delivery::TryNow { id } | Delivery::Redeliver { id } => id,
        Delivery::Export(export) => return server.copy(&export.path()).await,
    };
    let path = format!("/api/v1/deliveries/{}/redeliver", in_path(&id));
    let sent = server.call(Method::POST, &path, None).await?;
    print::result(json, &commands::delivery_sending(&id), &sent);
    Ok(())
}

pub async fn job(server: &Server, command: Job, json: bool) -> Outcome {
    let line = |job: &Value| format!("{}  {}", text(&job["id"]), text(&job["summary"]));
    match command {
        Job::List => {
            let page = server.call(Method::GET, "/api/v1/jobs", None).await?;
            let jobs = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            let lines = jobs.iter().map(line).collect::<Vec<_>>().join("\n");
            let words = if jobs.is_empty() { commands::NO_JOBS } else { &lines };
            print::result(json, words, &page);
        }
        Job::Show { id } => {
            let path = format!("/api/v1/jobs/{}", in_path(&id));
            let job = server.call(Method::GET, &path, None).await?;
            print::result(json, text(&job["summary"]), &job);
        }
    }
    Ok(())
}

async fn list(server: &Server, json: bool) -> Outcome {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server
            .call(Method::GET, &format!("/api/v1/hooks?limit=200&cursor={cursor}"), None)
            .await?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let line = |hook: &Value| {
        let state = if hook["enabled"] == true { "on " } else { "off" };
        format!(
            "{}  {state}  {}  {}  {}",
            text(&hook["id"]),
            text(&hook["event_type"]),
            text(&hook["callback_url"]),
            text(&hook["name"])
        )
    };
    let lines = items.iter().map(line).collect::<Vec<_>>().join("\n");
    let words = if items.is_empty() { commands::NO_HOOKS } else { &lines };
    print::result(json, words, &json!({"items": items}));
    Ok(())
}

async fn set_enabled(server: &Server, id: &str, enabled: bool, json: bool) -> Outcome {
    let body = json!({"enabled": enabled}).to_string();
    let hook = server.call(Method::PATCH, &hook_path(id), Some(body)).await?;
    let state = if enabled { "on" } else { "off" };
    print::result(json, &format!("Hook {} is {state}.", text(&hook["name"])), &hook);
    Ok(())
}

pub async fn emit(server: &Server, emit: Emission, json: bool) -> Outcome {
    let event = known_event(&emit.key)?;
    let data = match &emit.data {
        None => sample(event).to_owned(),
        Some(source) => read(source)?,
    };
    // Parsed only to report errors early: the bytes are sent unchanged.
    let data: &RawValue = serde_json::from_str(data.trim())
        .map_err(|error| Failure::Usage(format!("The payload is not valid JSON: {error}")))?;
    let body = format!("{{\"type\":{},\"data\":{}}}", json!(event.key()), data.get());
    let accepted = server.call(Method::POST, "/api/v1/events", Some(body)).await?;
    let number = |name: &str| accepted[name].as_i64().unwrap_or(0);
    let (hooks, skipped) = (number("deliveries"), number("skipped"));
    let words = commands::event_accepted(text(&accepted["id"]), event.key(), hooks, skipped);
    print::result(json, &words, &accepted);
    Ok(())
}

fn read(source: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::Failed(format!("{source}: {error}"));
    if source != "-" {
        return std::fs::read_to_string(source).map_err(failed);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn hook_path(id: &str) -> String {
    format!("/api/v1/hooks/{}", in_path(id))
}

fn in_path(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Server {
    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Value, Failure> {
        let response = self.send(method, path, body).await?;
        let status = response.status();
        let bytes = response
            .bytes()
            .await
            .map_err(|error| Failure::Failed(error.without_url().to_string()))?;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() { Ok(value) } else { Err(refusal(status, &value)) }
    }

    /// Copies a response to standard output while it arrives.
    async fn copy(&self, path: &str) -> Outcome {
        let mut response = self.send(Method::GET, path, None).await?;
        let status = response.status();
        if !status.is_success() {
            let bytes = response.bytes().await.unwrap_or_default();
            let problem: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            return Err(refusal(status, &problem));
        }
        loop {
            match response.chunk().await {
                Ok(Some(part)) => std::io::stdout()
                    .write_all(&part)
                    .map_err(|error| Failure::Failed(format!("Can't write: {error}")))?,
                Ok(None) => return Ok(()),
                Err(error) => {
                    let cause = chain(&error.without_url());
                    let message = format!("The export is incomplete: {cause}");
                    return Err(Failure::Failed(message));
                }
            }
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<reqwest::Response, Failure> {
        let server = self.server.clone().or_else(|| client_variable("SERVER"));
        let server = server.unwrap_or_else(|| DEFAULT_SERVER.to_owned());
        let token = self.token.clone().or_else(|| client_variable("TOKEN")).ok_or_else(|| {
            Failure::Usage(
                "A token is required. Set --token or SERVICE_HOOKS_TOKEN. Create a token with: \
                 service-hooks token create"
                    .into(),
            )
        })?;
        let mut request = plain_client()?
            .request(method, format!("{}{path}", server.trim_end_matches('/')))
            .header("authorization", format!("Bearer {token}"));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        request.send().await.map_err(|error| {
            let problem = if error.is_connect() { "Can't connect to" } else { "No response from" };
            Failure::Failed(format!(
                "{problem} {server}: {}. Check that the server is running: service-hooks serve",
                chain(&error.without_url())
            ))
        })
    }
}

fn refusal(status: StatusCode, problem: &Value) -> Failure {
    let detail = problem["detail"]
        .as_str()
        .map_or_else(|| format!("The server responded with {status}."), str::to_owned);
    Failure::Failed(detail)
}
