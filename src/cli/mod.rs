//! The commands, thin: each reads its arguments, calls `ops` or the HTTP API, and prints. Exit
//! codes: 0 done, 1 failed, 2 wrong usage. What is printed for programs goes to standard output,
//! everything else to standard error.

mod client;
mod database;
mod failure;
mod input;
mod listen;
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

/// Tell third parties what just happened in the contact centre.
#[derive(Parser)]
#[command(name = "service-hooks", version, propagate_version = true)]
struct Cli {
    /// Print JSON instead of sentences.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the portal, the API and the delivery engine
    Serve(Serve),
    /// Manage the people who sign in (works on the database)
    User {
        #[command(subcommand)]
        command: database::User,
    },
    /// Manage bearer tokens of programs (works on the database)
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
    /// Send deliveries of a running server
    Delivery {
        #[command(flatten)]
        server: client::Server,
        #[command(subcommand)]
        command: client::Delivery,
    },
    /// Send one event to a running server
    Emit {
        #[command(flatten)]
        server: client::Server,
        #[command(flatten)]
        emit: client::Emission,
    },
    /// Receive deliveries: check the key and the signature, print what came
    Listen(listen::Listen),
    /// Print the JSON schema of an event
    Schema {
        /// The event's key, such as work_item.closed
        key: String,
        /// 2020-12 or 07
        #[arg(long, default_value = "2020-12")]
        draft: String,
    },
    /// Bring the database's schema up to date
    Migrate,
    /// Look whether everything is well: database, master key, balance
    Doctor {
        /// First make the file of a SQLite database as small as what it holds; stop the server for
        /// that
        #[arg(long)]
        compact: bool,
    },
}

#[derive(Args)]
struct Serve {
    /// Where to listen, such as 127.0.0.1:3000
    #[arg(long, value_parser = listen_address)]
    listen: Option<SocketAddr>,
    /// sqlite:PATH or postgres://USER@HOST/NAME
    #[arg(long)]
    database_url: Option<String>,
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

/// How long threads are waited for once everything is done.
const LAST_THREADS: Duration = Duration::from_millis(500);

/// Runs the program.
pub fn main() -> ExitCode {
    // Prints help and usage errors itself, and leaves with 0 or 2.
    let cli = Cli::parse();
    // A setting that is wrong is told by the command that needs it.
    telemetry::start(Settings::load().map(|settings| settings.log.format).unwrap_or_default());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(cli.json, &Failure::Failed(format!("cannot start: {error}"))),
    };
    let outcome = runtime.block_on(run(cli.command, cli.json));
    // A thread that hangs (in a look-up, in a read of a disk) must not keep the process.
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
        Command::User { command } => database::user(command, json).await,
        Command::Token { command } => database::token(command, json).await,
        Command::Hook { server, command } => client::hook(&server, command, json).await,
        Command::Delivery { server, command } => client::delivery(&server, command, json).await,
        Command::Emit { server, emit } => client::emit(&server, emit, json).await,
        Command::Listen(listen) => listen.run(json).await,
        Command::Schema { key, draft } => schema(&key, &draft),
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
        .ok_or_else(|| Failure::Usage("--draft is 2020-12 or 07".to_owned()))?;
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
