//! Resolves a request to its actor: the session's user, or the API client of a bearer token.

use std::time::Duration;

use axum::http::{HeaderMap, header::AUTHORIZATION};
use serde::de::DeserializeOwned;
use tower_sessions::{Session, session, session_store};

use super::{
    session::{SIGNED_IN, USER, is_too_old},
    token,
    token_cache::TokenCache,
};
use crate::{
    domain::{
        id::{TokenId, UserId},
        permission::Actor,
        time::Timestamp,
        user::User,
    },
    engine::{
        clock::Clock,
        store::{Error, Store, error::chain},
    },
    portal::store::{
        tokens::{self, Token},
        users,
    },
};

/// The signed-in user, unless the session is too old or the account is disabled.
pub async fn find_session_user(
    store: &Store,
    clock: &Clock,
    session: &Session,
) -> Result<Option<User>, Error> {
    let Some(id) = session_value::<UserId>(session, USER).await? else { return Ok(None) };
    // A session without a sign-in time was written by an older version: treat it as too old.
    let signed_in = session_value::<Timestamp>(session, SIGNED_IN).await?;
    if signed_in.is_none_or(|at| is_too_old(at, clock.now())) {
        return Ok(None);
    }
    let user = users::by_id(&mut store.read().await?, id).await?;
    Ok(user.filter(|user| !user.disabled))
}

/// Reads one value of a session. A database error is reported, so that it doesn't sign users
/// out. A value that cannot be decoded counts as missing.
async fn session_value<T: DeserializeOwned>(
    session: &Session,
    key: &str,
) -> Result<Option<T>, Error> {
    match session.get::<T>(key).await {
        Err(session::Error::Store(session_store::Error::Backend(cause))) => {
            Err(Error::Unfit(cause))
        }
        found => Ok(found.unwrap_or_default()),
    }
}

pub fn actor_of_user(user: &User) -> Actor {
    Actor {
        label: format!("user:{}", user.email),
        identity: user.id.to_string(),
        limited_as: user.id.to_string(),
        permissions: user.permissions(),
    }
}

/// The API client that sent `Authorization: Bearer shk_...`; `None` if the token is missing or
/// unknown.
pub async fn actor_of_bearer(
    store: &Store,
    clock: &Clock,
    cache: &TokenCache,
    headers: &HeaderMap,
) -> Result<Option<Actor>, Error> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, secret)) = header.and_then(|header| header.split_once(' ')) else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("bearer") || !secret.starts_with(token::PREFIX) {
        return Ok(None);
    }
    let hash = token::hash(secret.trim());
    if let Some(actor) = cache.find(&hash) {
        return Ok(Some(actor));
    }
    let now = clock.now();
    let mut conn = store.read().await?;
    let Some(token) = tokens::by_secret(&mut conn, &hash, now).await? else { return Ok(None) };
    let actor = match token.owner {
        None => Some(actor_of_token(&token)),
        Some(owner) => {
            let owner = users::by_id(&mut conn, owner).await?.filter(|owner| !owner.disabled);
            owner.map(|owner| actor_of_own_token(&token, &owner))
        }
    };
    drop(conn);
    if let Some(actor) = &actor {
        cache.remember(hash, actor.clone());
    }
    if actor.is_some() && token.last_used_at.is_none_or(|at| at.after(USE_NOTED_AFTER) <= now) {
        note_use(store, token.id, now);
    }
    Ok(actor)
}

fn actor_of_token(token: &Token) -> Actor {
    Actor {
        label: format!("token:{}", token.name),
        identity: token.id.to_string(),
        limited_as: token.id.to_string(),
        permissions: token.permissions,
    }
}

/// A user's token never allows more than its owner may do now.
fn actor_of_own_token(token: &Token, owner: &User) -> Actor {
    Actor {
        label: format!("token:{} ({})", token.name, owner.email),
        limited_as: owner.id.to_string(),
        permissions: token.permissions.both(owner.permissions()),
        ..actor_of_token(token)
    }
}

/// The last use of a token is written at most this often.
const USE_NOTED_AFTER: Duration = Duration::from_secs(60);

/// Records the use of a token. The request does not wait for it, and works without it.
fn note_use(store: &Store, id: TokenId, at: Timestamp) {
    let (store, before) = (store.clone(), at.before(USE_NOTED_AFTER));
    tokio::spawn(async move {
        let noted: Result<(), Error> = store
            .write(move |conn| Box::pin(async move { tokens::used(conn, id, at, before).await }))
            .await;
        if let Err(error) = noted {
            tracing::debug!(error = chain(&error), "failed to record the use of a token");
        }
    });
}
