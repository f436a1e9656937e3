//! From a request to who is acting: the session's user or the token's program.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use serde::de::DeserializeOwned;
use tower_sessions::{Session, session, session_store};

use super::{
    known::KnownTokens,
    session::{SIGNED_IN, USER, is_too_old},
    token,
};
use crate::{
    domain::{id::UserId, permission::Actor, time::Timestamp, user::User},
    engine::{
        clock::Clock,
        store::{Error, Store},
    },
    portal::store::{tokens, users},
};

/// The signed-in person, if there is one who may still sign in.
pub async fn user_of(
    store: &Store,
    clock: &Clock,
    session: &Session,
) -> Result<Option<User>, Error> {
    let Some(id) = held::<UserId>(session, USER).await? else { return Ok(None) };
    // One without a time is of a version that set none.
    let signed_in = held::<Timestamp>(session, SIGNED_IN).await?;
    if signed_in.is_none_or(|at| is_too_old(at, clock.now())) {
        return Ok(None);
    }
    let user = users::by_id(&mut store.read().await?, id).await?;
    Ok(user.filter(|user| !user.disabled))
}

/// What a session holds under this key.
async fn held<T: DeserializeOwned>(session: &Session, key: &str) -> Result<Option<T>, Error> {
    match session.get::<T>(key).await {
        // Nobody is signed out because the database is away.
        Err(session::Error::Store(session_store::Error::Backend(cause))) => {
            Err(Error::Unfit(cause))
        }
        // What cannot be understood is no session.
        found => Ok(found.unwrap_or_default()),
    }
}

pub fn actor_of_user(user: &User) -> Actor {
    Actor {
        label: format!("user:{}", user.email),
        identity: user.id.to_string(),
        permissions: user.permissions(),
    }
}

/// The program behind `Authorization: Bearer shk_...`.
pub async fn bearer(
    store: &Store,
    clock: &Clock,
    known: &KnownTokens,
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
    if let Some(actor) = known.find(&hash) {
        return Ok(Some(actor));
    }
    let found = tokens::by_secret(&mut store.read().await?, &hash).await?;
    let actor = found.map(|token| Actor {
        label: format!("token:{}", token.name),
        identity: token.id.to_string(),
        permissions: token.permissions,
    });
    if let Some(actor) = &actor {
        known.remember(hash, actor.clone(), clock);
    }
    Ok(actor)
}
