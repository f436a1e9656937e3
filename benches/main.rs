//! `make bench`: black-box benchmarks of the release binary. The server, the load generator, the
//! receiver and the baselines run as separate processes; this process controls them and prints a
//! table. Each result is compared with a bare client, a bare relay and a relay with a journal, on
//! the same machine within the same minutes. Start with [`subject`].

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

use database::DatabaseKind;
use helper::Receiver;
use server::Recipe;
use subject::SubjectKind;
use table::Row;

pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Ports of the receiver: the maximum number of hooks per event in the scenarios.
const PORTS: usize = 10;
const SCENARIOS: [&str; 7] =
    ["throughput", "latency", "isolation", "backlog", "ordered", "idle", "log"];

/// Compares Service Hooks with a bare client, a bare relay and a durable relay.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// The scenarios to run. Default: all
    #[arg(value_parser = SCENARIOS)]
    scenarios: Vec<String>,
    /// The binary to measure
    #[arg(long, env = "SERVICE_HOOKS_TEST_BENCH_SERVER",
          default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/release/service-hooks"))]
    server: PathBuf,
    /// The URL of the server that `scripts/with-postgres` started
    #[arg(long, env = "SERVICE_HOOKS_TEST_POSTGRES")]
    postgres: Option<String>,
    /// Seconds of each run of throughput and latency
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// Repetitions. The table shows medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each run of isolation
    #[arg(long, default_value_t = 10.0)]
    isolation_seconds: f64,
    /// Size of the backlog in events
    #[arg(long, default_value_t = 1_000_000)]
    backlog: usize,
    /// Events that are sent to a hook with an ordering key
    #[arg(long, default_value_t = 20_000)]
    ordered: usize,
    /// Deliveries in the log
    #[arg(long, default_value_t = 1_000_000)]
    log: u64,
    /// Passed by cargo to every benchmark; ignored
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// The roles that this executable has when it starts itself as a helper process. Arguments are
/// JSON.
#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    Receiver { ports: String },
    #[command(hide = true)]
    Relay { targets: String },
    #[command(hide = true)]
    DurableRelay { targets: String },
    #[command(hide = true)]
    Load { spec: String },
}

/// The configuration that all scenarios share.
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
    /// The databases to measure: SQLite, and PostgreSQL if it is available.
    pub fn kinds(&self) -> Vec<DatabaseKind> {
        let postgres = self.recipe.postgres.as_ref().map(|_| DatabaseKind::Postgres);
        std::iter::once(DatabaseKind::Sqlite).chain(postgres).collect()
    }

    pub fn subjects(&self) -> Vec<SubjectKind> {
        [SubjectKind::Bare, SubjectKind::Relay, SubjectKind::Durable]
            .into_iter()
            .chain(self.kinds().into_iter().map(SubjectKind::ServiceHooks))
            .collect()
    }

    /// Prints progress to standard error. The table is printed at the end.
    pub fn progress(&self, message: &str) {
        eprintln!("   {message}");
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A relay may use all cores, like the server. The load generator and the receiver use one
    // thread, to leave the cores to the subject.
    let mut builder = match arguments.role {
        Some(Role::Relay { .. } | Role::DurableRelay { .. }) => {
            tokio::runtime::Builder::new_multi_thread()
        }
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let outcome = builder.enable_all().build().map_err(Into::into).and_then(|runtime| {
        let outcome = runtime.block_on(run_role(arguments));
        // A blocking read of standard input would delay the shutdown forever.
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

async fn run_role(arguments: Arguments) -> Outcome {
    match &arguments.role {
        Some(Role::Receiver { ports }) => receiver::run(serde_json::from_str(ports)?).await,
        Some(Role::Relay { targets }) => relay::run(serde_json::from_str(targets)?, false).await,
        Some(Role::DurableRelay { targets }) => {
            relay::run(serde_json::from_str(targets)?, true).await
        }
        Some(Role::Load { spec }) => load::run(&serde_json::from_str(spec)?).await,
        None => {
            // Returning drops the child processes, which kills them.
            let mut terminate =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            tokio::select! {
                outcome = run_scenarios(arguments) => outcome,
                _ = terminate.recv() => Err("terminated".into()),
                interrupted = tokio::signal::ctrl_c() => { interrupted?; Err("interrupted".into()) }
            }
        }
    }
}

async fn run_scenarios(arguments: Arguments) -> Outcome {
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
        // The results of the other scenarios are printed even if one fails.
        match run(name, &bench, &mut receiver).await {
            Ok(results) => rows.extend(results),
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

/// Prints the version, the machine and the configuration.
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
