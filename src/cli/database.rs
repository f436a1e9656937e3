//! Commands that open the database directly. They migrate it and may run next to a running server.
//!
//! Only `serve`, `migrate` and `demo` create a data directory: otherwise a command started in the
//! wrong directory would create an empty database with its own key. `user` and `token` may create
//! the database before the first start, if a setting names its location and the directory exists.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::{
    failure::{Failure, Outcome},
    input::load_settings,
    print,
};
use crate::{
    domain::id::TokenId,
    engine::{
        Dispatcher,
        config::Settings,
        dispatcher::Config,
        store::{Store, error::chain, files},
    },
    portal::{
        ctx::{OpCtx, Portal},
        ops::{
            self,
            doctor::{Check, Level},
        },
    },
    view::words::commands,
};

#[derive(Subcommand)]
pub enum User {
    /// Create a user
    Create {
        /// E-mail address, used to sign in
        #[arg(long)]
        email: String,
        /// Role: administrator, integration-manager, developer, auditor or agent
        #[arg(long)]
        role: String,
        /// Display name; by default the part of the e-mail address before the @
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
        /// Read the password from standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// List all users
    List,
    /// Suspend a user: their sessions end and their tokens are refused
    Disable {
        /// E-mail address of the user
        email: String,
    },
    /// Let a suspended user sign in again
    Enable {
        /// E-mail address of the user
        email: String,
    },
    /// Delete a user with their sessions, tokens and saved views
    Delete {
        /// E-mail address of the user
        email: String,
    },
}

#[derive(Subcommand)]
pub enum Token {
    /// Create a token and print it. It can't be shown again
    Create {
        /// Name of the token, such as the program that uses it
        #[arg(long)]
        name: String,
        /// Permissions, such as events:emit. Accepts several values
        #[arg(long = "permission", required = true, num_args = 1..)]
        permissions: Vec<String>,
    },
    /// List all tokens, those of users too
    List,
    /// Revoke a token
    Revoke {
        /// ID of the token
        id: TokenId,
    },
}

pub async fn migrate(json: bool) -> Outcome {
    let settings = load_settings()?;
    let store = Store::open(&settings).await.map_err(|error| Failure::Failed(chain(&error)))?;
    store.close().await;
    print::result(json, commands::MIGRATED, &json!({"migrated": true}));
    Ok(())
}

pub async fn doctor(json: bool, compact: bool) -> Outcome {
    let ctx = open(CreateDatabase::Never).await?;
    if compact && let Err(error) = ctx.portal.store().compact().await {
        close(ctx).await;
        return Err(Failure::Failed(chain(&error)));
    }
    let outcome = ops::doctor::examine(&ctx).await;
    close(ctx).await;
    let checks = outcome.map_err(|error| usage_or_failure(&error))?;
    let line = |check: &Check| {
        let state = match check.level {
            Level::Ok => "OK     ",
            Level::Warning => "WARNING",
            Level::Problem => "PROBLEM",
        };
        format!("{state}  {}: {}", check.name, check.words)
    };
    let text = checks.iter().map(line).collect::<Vec<_>>().join("\n");
    let shape = |check: &Check| {
        json!({"name": check.name, "well": check.is_well(),
            "warning": check.level == Level::Warning, "words": check.words})
    };
    print::result(json, &text, &json!({"checks": checks.iter().map(shape).collect::<Vec<_>>()}));
    match checks.iter().filter(|check| !check.is_well()).count() {
        0 => Ok(()),
        failed => Err(Failure::Failed(commands::checks_failed(failed, checks.len()))),
    }
}

/// Whether a command may create a missing database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CreateDatabase {
    InExistingDirectory,
    Never,
}

/// Opens the portal without listener and delivery engine: only the store and the operations.
pub(super) async fn open(create: CreateDatabase) -> Result<OpCtx, Failure> {
    let settings: Settings = load_settings()?;
    check_location(&settings, create)?;
    open_at(settings).await
}

/// The same, and creates the database and its folder if they are missing.
pub(super) async fn open_new() -> Result<OpCtx, Failure> {
    open_at(load_settings()?).await
}

async fn open_at(settings: Settings) -> Result<OpCtx, Failure> {
    let dispatcher = Dispatcher::open_beside(Config::new(settings.clone())).await;
    let dispatcher = dispatcher.map_err(|error| Failure::Failed(chain(&error)))?;
    Ok(OpCtx::portal_itself(Portal::new(dispatcher, settings)))
}

/// Fails unless the SQLite database exists or the command may create it (see the module comment).
fn check_location(settings: &Settings, create: CreateDatabase) -> Result<(), Failure> {
    const REMEDY: &str = "Run `service-hooks serve` there first, or set SERVICE_HOOKS_DATA_DIR or \
                          SERVICE_HOOKS_DATABASE_URL to the location of your data";
    let Some(file) = files::sqlite_file(&settings.database_url()) else { return Ok(()) };
    let absolute = |path: &Path| {
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
    };
    if settings.master_key_file.is_none() && !settings.data_dir.is_dir() {
        return Err(Failure::Failed(format!(
            "There is no data folder at {}. {REMEDY}.",
            absolute(&settings.data_dir)
        )));
    }
    let directory_exists =
        file.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir());
    let may_create = create == CreateDatabase::InExistingDirectory
        && settings.has_data_location()
        && directory_exists;
    if file.exists() || may_create {
        return Ok(());
    }
    Err(Failure::Failed(format!("There is no database at {}. {REMEDY}.", absolute(&file))))
}

pub(super) async fn close(ctx: OpCtx) {
    ctx.portal.dispatcher.clone().shutdown().await;
}

pub(super) fn usage_or_failure(error: &ops::Error) -> Failure {
    match error {
        ops::Error::Invalid(invalid) => Failure::Usage(invalid.to_string()),
        ops::Error::Store(error) => Failure::Failed(chain(error)),
        error => Failure::Failed(error.to_string()),
    }
}
