//! `make bench`: Service Hooks measured as a program among programs. The release binary, the
//! callers, the receiver and the yardsticks are processes of their own; this one directs them and
//! prints a table, each measure beside what a bare client, a bare relay and a relay that keeps a
//! journal reach on the same machine in the same minutes. See [`subject`] for what is exchanged for
//! what.

mod backlog;
mod clock;
mod database;
mod figures;
mod helper;
mod idle;
mod isolation;
mod journal;
mod latency;
mod load;
mod log;
mod marker;
mod ordered;
mod process;
mod receiver;
mod relay;
mod rounds;
#[path = "../src/tests/support/rows.rs"]
mod rows;
mod server;
mod subject;
mod table;
mod throughput;
mod wire;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use database::Kind;
use helper::Receiver;
use server::Recipe;
use subject::Which;
use table::Row;

pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// As many as an event has hooks at most.
const PORTS: usize = 10;
const SCENARIOS: [&str; 7] =
    ["throughput", "latency", "isolation", "backlog", "ordered", "idle", "log"];

/// Measures Service Hooks beside a bare client, a bare relay and a durable relay.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Which scenarios; all, unless some are named
    #[arg(value_parser = SCENARIOS)]
    scenarios: Vec<String>,
    /// The binary to measure
    #[arg(long, env = "SERVICE_HOOKS_TEST_BENCH_SERVER",
          default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/release/service-hooks"))]
    server: PathBuf,
    /// Where `scripts/with-postgres` put its server
    #[arg(long, env = "SERVICE_HOOKS_TEST_POSTGRES")]
    postgres: Option<String>,
    /// How long each run of throughput and latency is
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// How often each is repeated; medians are printed
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each run of isolation is
    #[arg(long, default_value_t = 10.0)]
    isolation_seconds: f64,
    /// How many events wait for one hook in backlog
    #[arg(long, default_value_t = 1_000_000)]
    backlog: usize,
    /// How many events are sent to a hook that keeps an order
    #[arg(long, default_value_t = 20_000)]
    ordered: usize,
    /// How many deliveries the log holds
    #[arg(long, default_value_t = 1_000_000)]
    log: u64,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What this executable is when it was started by itself. Arguments are JSON.
#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    Receiver { ports: String },
    #[command(hide = true)]
    Relay { targets: String },
    #[command(hide = true)]
    DurableRelay { targets: String },
    #[command(hide = true)]
    Load { order: String },
}

/// What all scenarios share.
pub struct Bench {
    pub recipe: Recipe,
    pub seconds: f64,
    pub rounds: usize,
    pub isolation_seconds: f64,
    pub backlog: usize,
    pub ordered: usize,
    pub log: u64,
}

impl Bench {
    /// The databases that are measured: PostgreSQL where there is one.
    pub fn kinds(&self) -> Vec<Kind> {
        let postgres = self.recipe.postgres.as_ref().map(|_| Kind::Postgres);
        std::iter::once(Kind::Sqlite).chain(postgres).collect()
    }

    pub fn subjects(&self) -> Vec<Which> {
        [Which::Bare, Which::Relay, Which::Durable]
            .into_iter()
            .chain(self.kinds().into_iter().map(Which::Ours))
            .collect()
    }

    /// For whoever waits; the table comes at the end.
    pub fn progress(&self, words: &str) {
        eprintln!("   {words}");
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A relay may use all the cores, as the product does; the callers and the receiver are to leave
    // them alone.
    let mut builder = match arguments.role {
        Some(Role::Relay { .. } | Role::DurableRelay { .. }) => {
            tokio::runtime::Builder::new_multi_thread()
        }
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let outcome = builder.enable_all().build().map_err(Into::into).and_then(|runtime| {
        let outcome = runtime.block_on(perform(arguments));
        // A blocked read of the standard input would keep it for ever.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn perform(arguments: Arguments) -> Outcome {
    match &arguments.role {
        Some(Role::Receiver { ports }) => receiver::run(serde_json::from_str(ports)?).await,
        Some(Role::Relay { targets }) => relay::run(serde_json::from_str(targets)?, false).await,
        Some(Role::DurableRelay { targets }) => {
            relay::run(serde_json::from_str(targets)?, true).await
        }
        Some(Role::Load { order }) => load::run(&serde_json::from_str(order)?).await,
        None => {
            // Leaving this way drops what is running, and that ends it.
            let mut terminate =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            tokio::select! {
                outcome = direct(arguments) => outcome,
                _ = terminate.recv() => Err("terminated".into()),
                interrupted = tokio::signal::ctrl_c() => { interrupted?; Err("interrupted".into()) }
            }
        }
    }
}

async fn direct(arguments: Arguments) -> Outcome {
    let Arguments {
        server,
        postgres,
        seconds,
        rounds,
        isolation_seconds,
        backlog,
        ordered,
        log,
        scenarios,
        ..
    } = arguments;
    let binary = server
        .canonicalize()
        .map_err(|error| format!("{}: {error}; build it with `make build`", server.display()))?;
    let bench = Bench {
        recipe: Recipe { binary, postgres },
        seconds,
        rounds,
        isolation_seconds,
        backlog,
        ordered,
        log,
    };
    describe(&bench).await?;
    let mut receiver = Receiver::start(PORTS).await?;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for name in SCENARIOS
        .iter()
        .filter(|name| scenarios.is_empty() || scenarios.iter().any(|wanted| wanted == *name))
    {
        // One that fails does not take the others' results with it.
        match run(name, &bench, &mut receiver).await {
            Ok(more) => rows.extend(more),
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    println!();
    table::print(&rows);
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

async fn run(name: &str, bench: &Bench, receiver: &mut Receiver) -> Outcome<Vec<Row>> {
    match name {
        "throughput" => throughput::run(bench, receiver).await,
        "latency" => latency::run(bench, receiver).await,
        "isolation" => isolation::run(bench, receiver).await,
        "backlog" => backlog::run(bench, receiver).await,
        "ordered" => ordered::run(bench, receiver).await,
        "idle" => idle::run(bench, receiver).await,
        _ => log::run(bench).await,
    }
}

/// Where this is measured.
async fn describe(bench: &Bench) -> Outcome {
    let version = std::process::Command::new(&bench.recipe.binary).arg("--version").output()?;
    let cores = std::thread::available_parallelism()?;
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    println!("{}", String::from_utf8_lossy(&version.stdout).trim());
    println!(
        "{cores} cores ({}), Linux {}",
        model.trim_start_matches(['\t', ' ', ':']),
        read("/proc/sys/kernel/osrelease").trim()
    );
    println!("load before: {}", read("/proc/loadavg").trim());
    if let Some(server) = &bench.recipe.postgres {
        println!("{}", database::describe_postgres(server).await?);
    } else {
        println!("without PostgreSQL: run under scripts/with-postgres for both");
    }
    println!("{} rounds of {} s each; medians", bench.rounds, bench.seconds);
    Ok(())
}
