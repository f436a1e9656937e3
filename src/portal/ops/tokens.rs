//! Bearer tokens of programs: those of the installation, which need a permission, and those of a
//! user, which allow at most what their owner may do.

use std::{fmt::Display, time::Duration};

use serde::Serialize;
use tower_sessions::Session;

use super::{
    Error, drafts,
    once::{self, Action, Identified, Outcome},
    preferences::signed_in_user,
    session::audit_grant,
};
use crate::{
    domain::{
        hook::parse_name,
        id::{DraftId, TokenId},
        invalid::Invalid,
        permission::{Permission, Permissions, right},
        time::Timestamp,
    },
    engine::store::{self, audit},
    portal::{
        auth::token,
        ctx::OpCtx,
        store::tokens::{self, MAX_PER_USER},
    },
    view::words::account as words,
};

pub use crate::portal::store::tokens::Token;

const DAY: u64 = 24 * 3600;

/// Creates a token of the installation. The returned secret is shown once and cannot be read again.
pub async fn create(
    ctx: &OpCtx,
    name: &str,
    permissions: &[String],
) -> Result<(Token, String), Error> {
    let grant = ctx.require(right::TokensManage)?;
    let mut invalid = Invalid::default();
    let name = invalid.take(parse_name(name)).unwrap_or_default();
    let permissions = read_permissions(permissions, &mut invalid);
    invalid.or(())?;
    let (created, secret) = new_token(ctx, name, permissions);
    let clock = ctx.portal.clock().clone();
    let (row, hash) = (created.clone(), token::hash(&secret));
    let written: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                tokens::insert(conn, &grant, &row, &hash).await?;
                let (target, detail) = (row.id.to_string(), row.permissions.text());
                audit::note(conn, &clock, &grant, "token.created", &target, &detail).await
            })
        })
        .await;
    written?;
    Ok((created, secret))
}

fn new_token(ctx: &OpCtx, name: String, permissions: Permissions) -> (Token, String) {
    let (clock, secret) = (ctx.portal.clock(), token::new_token());
    let token = Token {
        id: TokenId(clock.id()),
        name,
        prefix: token::prefix_of(&secret),
        permissions,
        owner: None,
        created_at: clock.now(),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    };
    (token, secret)
}

/// All tokens, of users too, newest first.
pub async fn list(ctx: &OpCtx) -> Result<Vec<Token>, Error> {
    let grant = ctx.require(right::TokensManage)?;
    Ok(tokens::all(&mut ctx.portal.store().read().await?, &grant).await?)
}

/// Revokes any token. Every node refuses it within a second.
pub async fn revoke(ctx: &OpCtx, id: TokenId) -> Result<(), Error> {
    let grant = ctx.require(right::TokensManage)?;
    let clock = ctx.portal.clock().clone();
    let revoked: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                tokens::revoke(conn, &grant, id, clock.now()).await?;
                audit::note(conn, &clock, &grant, "token.revoked", &id.to_string(), "").await
            })
        })
        .await;
    revoked_outcome(ctx, revoked)
}

/// The user's own tokens, newest first.
pub async fn list_own(ctx: &OpCtx) -> Result<Vec<Token>, Error> {
    let user = signed_in_user(ctx)?.id;
    Ok(tokens::of_user(&mut ctx.portal.store().read().await?, user).await?)
}

/// Creates a token of the user. `days`: its lifetime.
async fn create_own(
    ctx: &OpCtx,
    name: &str,
    permissions: &[String],
    days: &str,
) -> Result<(Token, String), Error> {
    let user = signed_in_user(ctx)?.clone();
    let mut invalid = Invalid::default();
    let name = invalid.take(parse_name(name)).unwrap_or_default();
    let permissions = read_permissions(permissions, &mut invalid);
    if permissions != permissions.both(user.permissions()) {
        invalid.add("permission", "beyond", words::BEYOND_OWN);
    }
    let days = days.parse::<u64>().ok().filter(|days| words::LIFETIMES.contains(days));
    if days.is_none() {
        invalid.add("days", "unknown", "Choose when the token expires.");
    }
    invalid.or(())?;
    let (created, secret) = new_token(ctx, name, permissions);
    let lifetime = Duration::from_secs(days.unwrap_or_default() * DAY);
    let expires_at: Option<Timestamp> = Some(created.created_at.after(lifetime));
    let created = Token { owner: Some(user.id), expires_at, ..created };
    let grant = audit_grant(&user)?;
    let clock = ctx.portal.clock().clone();
    let (row, hash) = (created.clone(), token::hash(&secret));
    let written: Result<bool, store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                let is_written = tokens::insert_own(conn, user.id, &row, &hash).await?;
                if is_written {
                    let (target, detail) = (row.id.to_string(), row.permissions.text());
                    audit::note(conn, &clock, &grant, "token.created", &target, &detail).await?;
                }
                Ok(is_written)
            })
        })
        .await;
    if !written? {
        return Err(Invalid::one("name", "limit", words::too_many_tokens(MAX_PER_USER)).into());
    }
    Ok((created, secret))
}

/// The fields of the form that creates a token.
pub struct OwnToken {
    pub name: String,
    pub permissions: Vec<String>,
    pub days: String,
}

/// Where a new token's secret is kept until it is shown.
struct Kept(DraftId);

impl Identified for Kept {
    fn id(&self) -> impl Display {
        self.0
    }
}

/// Creates a token of the user and keeps what `shown` makes of it, to be shown once. Returns where
/// it is kept. A form that is sent twice creates one token, and both answers lead to its secret.
pub async fn create_own_once<T: Serialize + Send + Sync>(
    ctx: &OpCtx,
    session: &Session,
    nonce: Option<String>,
    wanted: OwnToken,
    shown: impl FnOnce(Token, String) -> T + Send + 'static,
) -> Result<String, Error> {
    let session = session.clone();
    let create = move |ctx: OpCtx| async move {
        let OwnToken { name, permissions, days } = wanted;
        let (token, secret) = create_own(&ctx, &name, &permissions, &days).await?;
        let id = token.id;
        match drafts::keep(&ctx, &session, &shown(token, secret)).await {
            Ok(draft) => Ok(Kept(draft)),
            // A token whose secret was never shown must not stay valid.
            Err(error) => revoke_own(&ctx, id).await.and(Err(error)),
        }
    };
    let Some(nonce) = nonce else { return Ok(create(ctx.clone()).await?.0.to_string()) };
    let action = Action::new(ctx, "account/create_token", nonce.as_bytes());
    Ok(match once::act(ctx, &action, create).await? {
        Outcome::Now(Kept(draft)) => draft.to_string(),
        Outcome::Before(draft) => draft,
    })
}

/// Revokes one of the user's own tokens. Every node refuses it within a second.
pub async fn revoke_own(ctx: &OpCtx, id: TokenId) -> Result<(), Error> {
    let user = signed_in_user(ctx)?.clone();
    let grant = audit_grant(&user)?;
    let clock = ctx.portal.clock().clone();
    let revoked: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                tokens::revoke_own(conn, user.id, id, clock.now()).await?;
                audit::note(conn, &clock, &grant, "token.revoked", &id.to_string(), "").await
            })
        })
        .await;
    revoked_outcome(ctx, revoked)
}

fn revoked_outcome(ctx: &OpCtx, revoked: Result<(), store::Error>) -> Result<(), Error> {
    // This node forgets it at once.
    ctx.portal.tokens.clear();
    match revoked {
        Err(store::Error::Missing) => Err(Error::NotFound("token")),
        outcome => Ok(outcome?),
    }
}

fn read_permissions(keys: &[String], invalid: &mut Invalid) -> Permissions {
    let mut permissions = Vec::new();
    for key in keys {
        if let Some(permission) = Permission::from_key(key) {
            permissions.push(permission);
            continue;
        }
        let known: Vec<&str> = Permission::ALL.iter().map(|permission| permission.key()).collect();
        let words = format!("{key} is not a permission. Permissions: {}.", known.join(", "));
        invalid.add("permission", "unknown", words);
    }
    if keys.is_empty() && invalid.message("permission").is_none() {
        invalid.add("permission", "required", "Choose at least one permission.");
    }
    permissions.into_iter().collect()
}
