//! Starts and controls the helper processes (receiver, relays, load generator): this executable in
//! another role. Each helper exits when its standard input closes, so none outlives this process.

use std::{process::Stdio, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    Outcome,
    load::{LoadSpec, Sent},
    receiver::Arrivals,
};

/// Time limit for the load generator. Filling the backlog takes the longest.
const LOAD_TIMEOUT: Duration = Duration::from_secs(900);

struct Helper {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Kept, because the process is killed when this is dropped.
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

    async fn read_reply<T: DeserializeOwned>(&mut self) -> Outcome<T> {
        let line =
            self.output.next_line().await?.ok_or("a helper process ended; its error is above")?;
        Ok(serde_json::from_str(&line)?)
    }

    async fn command<T: DeserializeOwned>(&mut self, command: &str) -> Outcome<T> {
        self.input.write_all(format!("{command}\n").as_bytes()).await?;
        self.read_reply().await
    }
}

/// The receiver process.
pub struct Receiver {
    helper: Helper,
    ports: Vec<u16>,
}

impl Receiver {
    pub async fn start(ports: usize) -> Outcome<Self> {
        let mut helper = Helper::start("receiver", &ports)?;
        let ports = helper.read_reply().await?;
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

    /// Resets all counters.
    pub async fn reset(&mut self) -> Outcome {
        self.helper.command("reset").await
    }

    /// Makes these ports hang and all others respond.
    pub async fn hang(&mut self, ports: impl IntoIterator<Item = usize>) -> Outcome {
        self.helper.command(&format!("hang {}", join_ports(ports))).await
    }

    /// Distinct events that arrived, summed over all ports.
    pub async fn count(&mut self) -> Outcome<usize> {
        let all = join_ports(0..self.ports.len());
        self.helper.command(&format!("count {all}")).await
    }

    pub async fn arrivals(&mut self, ports: impl IntoIterator<Item = usize>) -> Outcome<Arrivals> {
        self.helper.command(&format!("report {}", join_ports(ports))).await
    }

    pub async fn all_arrivals(&mut self) -> Outcome<Arrivals> {
        self.arrivals(0..self.ports.len()).await
    }
}

fn join_ports(ports: impl IntoIterator<Item = usize>) -> String {
    ports.into_iter().map(|port| port.to_string()).collect::<Vec<_>>().join(" ")
}

/// The process of the bare or the durable relay.
pub struct Relay {
    port: u16,
    helper: Helper,
}

impl Relay {
    pub async fn start(targets: &[String], is_durable: bool) -> Outcome<Self> {
        let mut helper =
            Helper::start(if is_durable { "durable-relay" } else { "relay" }, &targets)?;
        Ok(Self { port: helper.read_reply().await?, helper })
    }

    pub fn pid(&self) -> Outcome<u32> {
        Ok(self.helper.child.id().ok_or("the relay is not running")?)
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Runs the load generator until it ends. Fails after [`LOAD_TIMEOUT`], so that a server that stops
/// responding cannot block the benchmark.
pub async fn load(spec: &LoadSpec) -> Outcome<Sent> {
    let mut helper = Helper::start("load", spec)?;
    let sent = tokio::time::timeout(LOAD_TIMEOUT, helper.read_reply::<Sent>()).await;
    let sent =
        sent.map_err(|_| format!("the callers did not finish within {LOAD_TIMEOUT:?}"))??;
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
