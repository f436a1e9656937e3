//! The harness's own processes, seen from the one that directs them: this executable again, in
//! another role. Each leaves when its standard input closes, so none outlives us however we end.

use std::{process::Stdio, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    Outcome,
    load::{Order, Sent},
    receiver::Arrivals,
};

/// The longest load is the filling of the backlog.
const PATIENCE: Duration = Duration::from_secs(900);

struct Helper {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Killed when dropped.
    child: Child,
}

impl Helper {
    fn start(role: &str, argument: &impl Serialize) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([role, &serde_json::to_string(argument)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = input.zip(output).ok_or("a child without pipes")?;
        Ok(Self { input, output: BufReader::new(output).lines(), child })
    }

    async fn hear<T: DeserializeOwned>(&mut self) -> Outcome<T> {
        let line = self
            .output
            .next_line()
            .await?
            .ok_or("a helper of the harness died; its words are above")?;
        Ok(serde_json::from_str(&line)?)
    }

    async fn ask<T: DeserializeOwned>(&mut self, command: &str) -> Outcome<T> {
        self.input.write_all(format!("{command}\n").as_bytes()).await?;
        self.hear().await
    }
}

/// The receiving process.
pub struct Receiver {
    helper: Helper,
    ports: Vec<u16>,
}

impl Receiver {
    pub async fn start(ports: usize) -> Outcome<Self> {
        let mut helper = Helper::start("receiver", &ports)?;
        let ports = helper.hear().await?;
        Ok(Self { helper, ports })
    }

    pub fn address(&self, port: usize) -> String {
        format!("127.0.0.1:{}", self.ports[port])
    }

    pub fn urls(&self, count: usize) -> Vec<String> {
        (0..count).map(|port| self.url(port % self.ports.len())).collect()
    }

    pub fn url(&self, port: usize) -> String {
        format!("http://{}/in", self.address(port))
    }

    /// Forgets what came.
    pub async fn reset(&mut self) -> Outcome {
        self.helper.ask("reset").await
    }

    /// These stop answering, all others answer.
    pub async fn hang(&mut self, ports: impl IntoIterator<Item = usize>) -> Outcome {
        self.helper.ask(&format!("hang {}", spelled(ports))).await
    }

    /// How many events came to all ports; each counts once at each.
    pub async fn count(&mut self) -> Outcome<usize> {
        let all = spelled(0..self.ports.len());
        self.helper.ask(&format!("count {all}")).await
    }

    pub async fn arrivals(&mut self, ports: impl IntoIterator<Item = usize>) -> Outcome<Arrivals> {
        self.helper.ask(&format!("report {}", spelled(ports))).await
    }

    pub async fn all_arrivals(&mut self) -> Outcome<Arrivals> {
        self.arrivals(0..self.ports.len()).await
    }
}

fn spelled(ports: impl IntoIterator<Item = usize>) -> String {
    ports.into_iter().map(|port| port.to_string()).collect::<Vec<_>>().join(" ")
}

/// The bare relay, or the durable one.
pub struct Relay {
    port: u16,
    helper: Helper,
}

impl Relay {
    pub async fn start(targets: &[String], is_durable: bool) -> Outcome<Self> {
        let mut helper =
            Helper::start(if is_durable { "durable-relay" } else { "relay" }, &targets)?;
        Ok(Self { port: helper.hear().await?, helper })
    }

    pub fn pid(&self) -> Outcome<u32> {
        Ok(self.helper.child.id().ok_or("the relay is not running")?)
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Runs the load generator to its end, which must come: a server that stops answering must not stop
/// us.
pub async fn load(order: &Order) -> Outcome<Sent> {
    let mut helper = Helper::start("load", order)?;
    let sent = tokio::time::timeout(PATIENCE, helper.hear::<Sent>()).await;
    let sent = sent.map_err(|_| format!("the callers are not done after {PATIENCE:?}"))??;
    if sent.failed > 0 {
        return Err(format!(
            "{} of {} requests were refused",
            sent.failed,
            sent.accepted + sent.failed
        )
        .into());
    }
    Ok(sent)
}
