//! `demo`: fills an empty database with a realistic installation. Like `migrate` it creates the
//! data folder, because a demo needs a database of its own.

use clap::Args;
use data_encoding::BASE32_NOPAD;
use serde_json::json;

use super::{
    database::{close, open_new, usage_or_failure},
    failure::{Failure, Outcome},
    input::secret_from_stdin,
    print,
};
use crate::{
    engine::clock::random_bytes,
    portal::demo::{self, PEOPLE, Unfilled},
    view::words::commands,
};

#[derive(Args)]
pub struct Demo {
    /// Read the password of the demo's users from standard input; by default one is generated and
    /// printed
    #[arg(long)]
    password_stdin: bool,
    /// Another seed gives other deliveries
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Demo {
    pub async fn run(self, json: bool) -> Outcome {
        let given = if self.password_stdin { Some(secret_from_stdin("password")?) } else { None };
        let password = given.clone().unwrap_or_else(new_password);
        let ctx = open_new().await?;
        let outcome = demo::fill(&ctx, &password, self.seed).await;
        close(ctx).await;
        let filled = outcome.map_err(|unfilled| failure(&unfilled))?;
        let users: Vec<_> =
            PEOPLE.iter().map(|one| json!({"email": one.email, "role": one.role.key()})).collect();
        let mut value = json!({
            "hooks": filled.hooks,
            "events": filled.events,
            "deliveries": filled.deliveries,
            "attempts": filled.attempts,
            "jobs": filled.jobs,
            "users": users,
        });
        if given.is_none() {
            value["password"] = json!(password);
        }
        let emails: Vec<_> = PEOPLE.iter().map(|one| (one.email, one.role.key())).collect();
        let shown = given.is_none().then_some(password.as_str());
        let deliveries = filled.deliveries.values().sum();
        let text = commands::demo_filled(filled.hooks, deliveries, &emails, shown);
        print::result(json, &text, &value);
        Ok(())
    }
}

fn failure(unfilled: &Unfilled) -> Failure {
    match unfilled {
        Unfilled::HasHooks => Failure::Failed(commands::DEMO_HAS_HOOKS.to_owned()),
        Unfilled::HasUser(email) => Failure::Failed(commands::demo_has_user(email)),
        Unfilled::Failed(error) => usage_or_failure(error),
    }
}

/// Eighty random bits, in groups that can be read out.
fn new_password() -> String {
    let letters = BASE32_NOPAD.encode(&random_bytes::<10>()).to_lowercase();
    format!("{}-{}-{}-{}", &letters[..4], &letters[4..8], &letters[8..12], &letters[12..])
}
