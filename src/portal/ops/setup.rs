//! The first administrator, through a one-time link that the console prints.

use std::time::Duration;

use tower_sessions::Session;

use super::{Error, session, users::NewUser};
use crate::{
    domain::{
        permission::{Actor, Permission, Role},
        user::User,
    },
    engine::store::{self},
    portal::{
        auth::token,
        ctx::{OpCtx, Portal},
        store::{setup, users},
    },
};

/// How long a printed link works; a restart prints a new one.
const VALID: Duration = Duration::from_secs(24 * 3600);

/// A new one-time word for `/setup?token=`, or `None` when somebody can sign in already.
pub async fn open(portal: &Portal) -> Result<Option<String>, Error> {
    if users::any(&mut portal.store().read().await?).await? {
        return Ok(None);
    }
    let word = token::new_word();
    let (hash, expires_at) = (token::hash(&word), portal.clock().now().after(VALID));
    let replaced: Result<(), store::Error> = portal
        .store()
        .write(move |conn| Box::pin(async move { setup::replace(conn, &hash, expires_at).await }))
        .await;
    replaced?;
    Ok(Some(word))
}

/// Is this link still good?
pub async fn is_open(ctx: &OpCtx, word: &str) -> Result<bool, Error> {
    let mut conn = ctx.portal.store().read().await?;
    Ok(!users::any(&mut conn).await?
        && setup::is_valid(&mut conn, &token::hash(word), ctx.portal.clock().now()).await?)
}

/// Makes the first administrator and signs them in. The link is used up in the same transaction.
pub async fn finish(
    ctx: &OpCtx,
    session: &Session,
    word: &str,
    new: NewUser,
) -> Result<User, Error> {
    if !is_open(ctx, word).await? {
        return Err(Error::NotFound("set-up link"));
    }
    let new = NewUser { role: Role::Administrator.key().to_owned(), ..new };
    let grant = Actor::portal().require(Permission::UsersManage).map_err(|_| Error::SignIn)?;
    let (user, hash) = super::users::prepare(&ctx.portal, new).await?;
    let (clock, word_hash, made) = (ctx.portal.clock().clone(), token::hash(word), user.clone());
    let written: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                setup::consume(conn, &word_hash, clock.now()).await?;
                super::users::write(conn, &clock, &grant, &made, &hash).await
            })
        })
        .await;
    match written {
        Err(store::Error::Missing) => return Err(Error::NotFound("set-up link")),
        outcome => outcome?,
    }
    session::begin(&ctx.portal, session, &user).await?;
    session::note(ctx, &user, "session.began").await;
    Ok(user)
}
