//! First-run set-up: creates the first administrator through a one-time link printed on the
//! console.

use std::time::Duration;

use tower_sessions::Session;

use super::{Error, session, users::NewUser};
use crate::{
    domain::{
        permission::{Actor, Role, right},
        user::User,
    },
    engine::store::{self},
    portal::{
        auth::token,
        ctx::{OpCtx, Portal},
        store::{setup, users},
    },
};

/// Lifetime of a link; a restart prints a new one.
const VALID: Duration = Duration::from_secs(24 * 3600);

/// Creates a new secret for `/setup?token=`; `None` if a user exists already.
pub async fn open(portal: &Portal) -> Result<Option<String>, Error> {
    if users::any(&mut portal.store().read().await?).await? {
        return Ok(None);
    }
    let secret = token::new_nonce();
    let (hash, expires_at) = (token::hash(&secret), portal.clock().now().after(VALID));
    let replaced: Result<(), store::Error> = portal
        .store()
        .write(move |conn| Box::pin(async move { setup::replace(conn, &hash, expires_at).await }))
        .await;
    replaced?;
    Ok(Some(secret))
}

/// Whether this link is valid.
pub async fn is_open(ctx: &OpCtx, secret: &str) -> Result<bool, Error> {
    let mut conn = ctx.portal.store().read().await?;
    Ok(!users::any(&mut conn).await?
        && setup::is_valid(&mut conn, &token::hash(secret), ctx.portal.clock().now()).await?)
}

/// Creates the first administrator and signs them in. The same transaction consumes the link.
pub async fn finish(
    ctx: &OpCtx,
    session: &Session,
    secret: &str,
    agent: &str,
    new: NewUser,
) -> Result<User, Error> {
    if !is_open(ctx, secret).await? {
        return Err(Error::NotFound("set-up link"));
    }
    let new = NewUser { role: Role::Administrator.key().to_owned(), ..new };
    let grant = Actor::portal().require(right::UsersManage).map_err(|_| Error::SignIn)?;
    let (user, hash) = super::users::prepare(&ctx.portal, new).await?;
    let (clock, link_hash, created) =
        (ctx.portal.clock().clone(), token::hash(secret), user.clone());
    let written: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                setup::consume(conn, &link_hash, clock.now()).await?;
                super::users::write(conn, &clock, &grant, &created, &hash).await
            })
        })
        .await;
    match written {
        Err(store::Error::Missing) => return Err(Error::NotFound("set-up link")),
        outcome => outcome?,
    }
    session::begin(ctx, session, &user, agent).await?;
    session::note(ctx, &user, "session.began").await;
    Ok(user)
}
