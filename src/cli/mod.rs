//! The command line. Each command parses its arguments, calls `ops` or the HTTP API, and prints the
//! result. Exit codes: 0 success, 1 failure, 2 wrong usage. Results go to standard output,
//! everything else to standard error.

mod client;
mod database;
mod demo;
mod export;
mod failure;
mod input;
mod listen;
mod people;
mod print;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};

use self::{
    failure::{Failure, Outcome},
    input::{known_event, load_settings},
};
use crate::{
    engine::{
        catalogue::{Draft, schema_text},
        config::{Settings, listen_address},
    },
    runtime, telemetry,
};

/// Sends contact centre events to third parties: portal, API and delivery engine.
#[derive(Parser)]
#[command(name = "service-hooks", version, propagate_version = true)]
struct Cli {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the portal, the API and the delivery engine
    Serve(Serve),
    /// Manage portal users (works on the database)
    User {
        #[command(subcommand)]
        command: database::User,
    },
    /// Manage API tokens (works on the database)
    Token {
        #[command(subcommand)]
        command: database::Token,
    },
    /// Manage hooks of a running server
    Hook {
        #[command(flatten)]
        server: client::Server,
        #[command(subcommand)]
        command: client::Hook,
    },
    /// Redeliver or export deliveries of a running server
    Delivery {
        #[command(flatten)]
        server: client::Server,
        #[command(subcommand)]
        command: client::Delivery,
    },
    /// Follow the redelivery jobs of a running server
    Job {
        #[command(flatten)]
        server: client::Server,
        #[command(subcommand)]
        command: client::Job,
    },
    /// Emit one event on a running server
    Emit {
        #[command(flatten)]
        server: client::Server,
        #[command(flatten)]
        emit: client::Emission,
    },
    /// Receive deliveries for testing: check the API key and the signature, and print the payload
    Listen(listen::Listen),
    /// Print the JSON Schema of an event type
    Schema {
        /// Event type, such as work_item.closed
        key: String,
        /// JSON Schema draft: 2020-12 or 07
        #[arg(long, default_value = "2020-12")]
        draft: String,
    },
    /// Fill an empty database with a realistic installation: hooks, deliveries, users, jobs
    Demo(demo::Demo),
    /// Create the database, or upgrade its schema
    Migrate,
    /// Check the installation: settings, database, master key, disk, receivers
    Doctor {
        /// First return the free space of a SQLite database to the disk (stop the server before)
        #[arg(long)]
        compact: bool,
    },
}

#[derive(Args)]
struct Serve {
    /// Address to listen on, such as 127.0.0.1:3000
    #[arg(long, value_parser = listen_address)]
    listen: Option<SocketAddr>,
    /// Database: sqlite:PATH or postgres://USER@HOST/NAME
    #[arg(long)]
    database_url: Option<String>,
    /// Folder of the SQLite database and the master key
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

/// How long the process waits for blocking threads at exit.
const LAST_THREADS: Duration = Duration::from_millis(500);

/// Runs the program.
pub fn main() -> ExitCode {
    // Prints help and usage errors itself and exits with 0 or 2.
    let cli = Cli::parse();
    // An invalid setting is reported later, by the command that needs it.
    telemetry::start(Settings::load().map(|settings| settings.log.format).unwrap_or_default());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(cli.json, &Failure::Failed(format!("Can't start: {error}"))),
    };
    let outcome = runtime.block_on(run(cli.command, cli.json));
    // A blocking thread that hangs (in a DNS look-up or a disk read) must not keep the process
    // alive.
    runtime.shutdown_timeout(LAST_THREADS);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(cli.json, &failure),
    }
}

fn report(json: bool, failure: &Failure) -> ExitCode {
    print::error(json, failure.message());
    failure.code()
}

async fn run(command: Command, json: bool) -> Outcome {
    match command {
        Command::Serve(serve) => Ok(runtime::serve(serve.settings()?).await?),
        Command::User { command } => people::user(command, json).await,
        Command::Token { command } => people::token(command, json).await,
        Command::Hook { server, command } => client::hook(&server, command, json).await,
        Command::Delivery { server, command } => client::delivery(&server, command, json).await,
        Command::Job { server, command } => client::job(&server, command, json).await,
        Command::Emit { server, emit } => client::emit(&server, emit, json).await,
        Command::Listen(listen) => listen.run(json).await,
        Command::Schema { key, draft } => schema(&key, &draft),
        Command::Demo(demo) => demo.run(json).await,
        Command::Migrate => database::migrate(json).await,
        Command::Doctor { compact } => database::doctor(json, compact).await,
    }
}

impl Serve {
    fn settings(self) -> Result<Settings, Failure> {
        let mut settings = load_settings()?;
        settings.listen = self.listen.unwrap_or(settings.listen);
        settings.database_url = self.database_url.unwrap_or(settings.database_url);
        settings.data_dir = self.data_dir.unwrap_or(settings.data_dir);
        Ok(settings)
    }
}

fn schema(key: &str, draft: &str) -> Outcome {
    let event = known_event(key)?;
    let draft = Draft::from_key(draft)
        .ok_or_else(|| Failure::Usage("--draft must be 2020-12 or 07.".to_owned()))?;
    print::raw(&schema_text(event, draft));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_well_formed() {
        super::Cli::command().debug_assert();
    }
}
