//! Commands for users and tokens. They work on the database, next to a running server.

use serde_json::{Value, json};

use super::{
    database::{CreateDatabase, Token, User, close, open, usage_or_failure},
    failure::{Failure, Outcome},
    input::secret_from_stdin,
    print,
};
use crate::{
    domain::{time::Timestamp, user},
    portal::{
        ctx::OpCtx,
        ops::{self, people::Act, tokens, users::NewUser},
    },
    view::words::commands,
};

/// Longest names in lists.
const WIDTH: usize = 100;

pub async fn user(command: User, json: bool) -> Outcome {
    match command {
        User::Create { email, role, name, password_stdin: _ } => {
            create_user(email, role, name, json).await
        }
        User::List => list_users(json).await,
        User::Disable { email } => change(&email, Act::Suspend, json).await,
        User::Enable { email } => change(&email, Act::Reactivate, json).await,
        User::Delete { email } => change(&email, Act::Remove, json).await,
    }
}

async fn create_user(email: String, role: String, name: String, json: bool) -> Outcome {
    let password = secret_from_stdin("password")?;
    let ctx = open(CreateDatabase::InExistingDirectory).await?;
    let new = NewUser { email, name, role, password };
    let user = closed(ctx, async |ctx| ops::users::create(ctx, new).await).await?;
    let value = json!({"id": user.id, "email": user.email, "name": user.name});
    print::result(json, &commands::user_created(&user.email), &value);
    Ok(())
}

async fn list_users(json: bool) -> Outcome {
    let ctx = open(CreateDatabase::Never).await?;
    let users = closed(ctx, async |ctx| ops::people::list(ctx).await).await?;
    let line = |user: &user::User| {
        let state = if user.disabled { "disabled" } else { "active" };
        let email = print::printable(&user.email, WIDTH);
        format!("{email}  {}  {state}  {}", roles(user), print::printable(&user.name, WIDTH))
    };
    let shape = |user: &user::User| {
        json!({"id": user.id, "email": user.email, "name": user.name, "roles": user.roles,
            "disabled": user.disabled, "created_at": user.created_at.rfc3339()})
    };
    let text = users.iter().map(line).collect::<Vec<_>>().join("\n");
    let text = if text.is_empty() { commands::NO_USERS } else { &text };
    print::result(json, text, &json!({"items": users.iter().map(shape).collect::<Vec<_>>()}));
    Ok(())
}

fn roles(user: &user::User) -> String {
    user.roles.iter().map(|role| role.key()).collect::<Vec<_>>().join(",")
}

async fn change(email: &str, act: Act, json: bool) -> Outcome {
    let ctx = open(CreateDatabase::Never).await?;
    let user = closed(ctx, async |ctx| ops::people::change(ctx, email, act).await).await?;
    let (text, state) = match act {
        Act::Suspend => (commands::user_disabled(&user.email), "disabled"),
        Act::Reactivate => (commands::user_enabled(&user.email), "active"),
        Act::Remove => (commands::user_deleted(&user.email), "deleted"),
    };
    print::result(json, &text, &json!({"id": user.id, "email": user.email, "state": state}));
    Ok(())
}

pub async fn token(command: Token, json: bool) -> Outcome {
    match command {
        Token::Create { name, permissions } => {
            let ctx = open(CreateDatabase::InExistingDirectory).await?;
            let create = async |ctx: &OpCtx| tokens::create(ctx, &name, &permissions).await;
            let (token, secret) = closed(ctx, create).await?;
            let value = json!({"id": token.id, "name": token.name, "token": secret});
            print::result(json, &secret, &value);
        }
        Token::List => list_tokens(json).await?,
        Token::Revoke { id } => {
            let ctx = open(CreateDatabase::Never).await?;
            closed(ctx, async |ctx| tokens::revoke(ctx, id).await).await?;
            let value = json!({"id": id, "revoked": true});
            print::result(json, &commands::token_revoked(&id.to_string()), &value);
        }
    }
    Ok(())
}

async fn list_tokens(json: bool) -> Outcome {
    let ctx = open(CreateDatabase::Never).await?;
    let listed = closed(ctx, async |ctx| {
        let (tokens, users) = (tokens::list(ctx).await?, ops::people::list(ctx).await?);
        Ok((tokens, users, ctx.portal.clock().now()))
    });
    let (tokens, users, now) = listed.await?;
    let owner = |token: &tokens::Token| {
        let owner = token.owner?;
        users.iter().find(|user| user.id == owner).map(|user| user.email.clone())
    };
    let line = |token: &tokens::Token| {
        let (name, prefix) = (print::printable(&token.name, WIDTH), &token.prefix);
        let owner = owner(token).unwrap_or_else(|| "-".to_owned());
        let owner = print::printable(&owner, WIDTH);
        format!("{}  {}  {prefix}  {owner}  {name}", token.id, state(token, now))
    };
    let shape = |token: &tokens::Token| -> Value {
        let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
        json!({"id": token.id, "name": token.name, "prefix": token.prefix, "owner": owner(token),
            "permissions": token.permissions.iter().collect::<Vec<_>>(),
            "state": state(token, now), "created_at": token.created_at.rfc3339(),
            "expires_at": time(token.expires_at), "last_used_at": time(token.last_used_at),
            "revoked_at": time(token.revoked_at)})
    };
    let text = tokens.iter().map(line).collect::<Vec<_>>().join("\n");
    let text = if text.is_empty() { commands::NO_TOKENS } else { &text };
    print::result(json, text, &json!({"items": tokens.iter().map(shape).collect::<Vec<_>>()}));
    Ok(())
}

fn state(token: &tokens::Token, now: Timestamp) -> &'static str {
    match (token.revoked_at, token.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= now => "expired",
        _ => "valid",
    }
}

/// Runs an operation and closes the database.
async fn closed<T>(
    ctx: OpCtx,
    operation: impl AsyncFnOnce(&OpCtx) -> Result<T, ops::Error>,
) -> Result<T, Failure> {
    let outcome = operation(&ctx).await;
    close(ctx).await;
    outcome.map_err(|error| usage_or_failure(&error))
}
