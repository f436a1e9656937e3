//! Commands that work on the database directly, to begin with: they migrate it first and work
//! beside a running server.
//!
//! Only `serve` and `migrate` make a data folder. The others would otherwise begin an empty
//! database, with a key of its own, wherever they are started. `user` and `token` prepare the first
//! start too: where a setting names the place and its folder is there, they make the database in
//! it.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::{
    failure::{Failure, Outcome},
    input::{load_settings, secret_from_stdin},
    print,
};
use crate::{
    engine::{
        Dispatcher,
        config::Settings,
        dispatcher::Config,
        store::{Store, error::chain, files},
    },
    portal::{
        ctx::{OpCtx, Portal},
        ops::{self, doctor::Check, users::NewUser},
    },
};

#[derive(Subcommand)]
pub enum User {
    /// Make a user
    Create {
        #[arg(long)]
        email: String,
        /// administrator, integration-manager, developer, auditor or agent
        #[arg(long)]
        role: String,
        #[arg(long, default_value = "")]
        name: String,
        /// Read the password from standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
}

#[derive(Subcommand)]
pub enum Token {
    /// Make a token and print it, once
    Create {
        #[arg(long)]
        name: String,
        /// Such as events:emit; give it once for each, or several after one
        #[arg(long = "permission", required = true, num_args = 1..)]
        permissions: Vec<String>,
    },
}

pub async fn user(command: User, json: bool) -> Outcome {
    let User::Create { email, role, name, password_stdin: _ } = command;
    let password = secret_from_stdin("password")?;
    let ctx = open(Begins::InAFolderThatIsThere).await?;
    let new = NewUser { email, name, role, password };
    let outcome = ops::users::create(&ctx, new).await;
    close(ctx).await;
    let user = outcome.map_err(|error| usage_or_failure(&error))?;
    let value = json!({"id": user.id, "email": user.email, "name": user.name});
    print::result(json, &format!("{} can sign in now.", user.email), &value);
    Ok(())
}

pub async fn token(command: Token, json: bool) -> Outcome {
    let Token::Create { name, permissions } = command;
    let ctx = open(Begins::InAFolderThatIsThere).await?;
    let outcome = ops::tokens::create(&ctx, &name, &permissions).await;
    close(ctx).await;
    let (token, secret) = outcome.map_err(|error| usage_or_failure(&error))?;
    let value = json!({"id": token.id, "name": token.name, "token": secret});
    print::result(json, &secret, &value);
    Ok(())
}

pub async fn migrate(json: bool) -> Outcome {
    let settings = load_settings()?;
    let store = Store::open(&settings).await.map_err(|error| Failure::Failed(chain(&error)))?;
    store.close().await;
    print::result(json, "The database is up to date.", &json!({"migrated": true}));
    Ok(())
}

pub async fn doctor(json: bool, compact: bool) -> Outcome {
    let ctx = open(Begins::Never).await?;
    if compact && let Err(error) = ctx.portal.store().compact().await {
        close(ctx).await;
        return Err(Failure::Failed(chain(&error)));
    }
    let outcome = ops::doctor::examine(&ctx).await;
    close(ctx).await;
    let checks = outcome.map_err(|error| usage_or_failure(&error))?;
    let line = |check: &Check| {
        format!("{} {}: {}", if check.is_well { "well" } else { "ILL " }, check.name, check.words)
    };
    let text = checks.iter().map(line).collect::<Vec<_>>().join("\n");
    let shape =
        |check: &Check| json!({"name": check.name, "well": check.is_well, "words": check.words});
    print::result(json, &text, &json!({"checks": checks.iter().map(shape).collect::<Vec<_>>()}));
    match checks.iter().filter(|check| !check.is_well).count() {
        0 => Ok(()),
        ill => Err(Failure::Failed(format!("{ill} of {} checks found something", checks.len()))),
    }
}

/// Whether a command may begin a database where there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    InAFolderThatIsThere,
    Never,
}

/// The portal without its listener and without deliveries: a store, and operations on it.
async fn open(begins: Begins) -> Result<OpCtx, Failure> {
    let settings: Settings = load_settings()?;
    check_place(&settings, begins)?;
    let dispatcher = Dispatcher::beside(Config::new(settings.clone())).await;
    let dispatcher = dispatcher.map_err(|error| Failure::Failed(chain(&error)))?;
    Ok(OpCtx::portal_itself(Portal::new(dispatcher, settings)))
}

/// Is there a SQLite database, or may the command begin it? See the module.
fn check_place(settings: &Settings, begins: Begins) -> Result<(), Failure> {
    const REMEDY: &str = "Start `service-hooks serve` there first, or say where the data is with \
                          SERVICE_HOOKS_DATA_DIR or SERVICE_HOOKS_DATABASE_URL";
    let Some(file) = files::sqlite_file(&settings.database_url()) else { return Ok(()) };
    let shown = |path: &Path| {
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
    };
    if settings.master_key_file.is_none() && !settings.data_dir.is_dir() {
        return Err(Failure::Failed(format!(
            "There is no data folder at {}. {REMEDY}.",
            shown(&settings.data_dir)
        )));
    }
    let is_folder_there =
        file.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir());
    let may_begin =
        begins == Begins::InAFolderThatIsThere && settings.says_where() && is_folder_there;
    if file.exists() || may_begin {
        return Ok(());
    }
    Err(Failure::Failed(format!("There is no database at {}. {REMEDY}.", shown(&file))))
}

async fn close(ctx: OpCtx) {
    ctx.portal.dispatcher.clone().shutdown().await;
}

fn usage_or_failure(error: &ops::Error) -> Failure {
    match error {
        ops::Error::Invalid(invalid) => Failure::Usage(invalid.to_string()),
        ops::Error::Store(error) => Failure::Failed(chain(error)),
        error => Failure::Failed(error.to_string()),
    }
}
