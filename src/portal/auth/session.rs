//! Session storage: implements tower-sessions' `SessionStore` over the portal's own tables. Only
//! the hash of a session id is stored.

use std::{collections::HashMap, time::Duration};

use axum::{
    extract::Request,
    http::{
        self, HeaderMap, HeaderValue,
        header::{COOKIE, SET_COOKIE},
    },
    middleware::Next,
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use tower_sessions::{
    Expiry, SessionManagerLayer, SessionStore,
    cookie::SameSite,
    session::{Id, Record},
    session_store,
};

use super::token::hash;
use crate::{
    domain::{id::UserId, time::Timestamp},
    engine::{
        clock::Clock,
        store::{Error, Store, error::chain},
    },
    portal::store::{sessions, users},
};

/// Idle timeout in hours.
const HOURS: i64 = 12;

/// A session's expiry is written only when it moves by at least this much. So showing a page writes
/// nothing, and pages still work when the database cannot be written.
const REFRESH_AFTER: Duration = Duration::from_secs(300);

/// Absolute lifetime of a session from its sign-in, however much it is used.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Keys of a session's values.
pub const USER: &str = "user";
/// When the user signed in, in milliseconds since 1970.
pub const SIGNED_IN: &str = "signed_in";
pub const FLASH: &str = "flash";
/// The [`Device`] that signed in.
pub const DEVICE: &str = "device";

/// The device that a session began on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Device {
    /// The `User-Agent`: what the browser calls itself.
    pub agent: String,
    /// The client's address.
    pub address: String,
}

/// What a stored session says about itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub signed_in: Option<Timestamp>,
    pub device: Device,
}

impl Facts {
    /// Data that this version can't read has no facts.
    pub fn parse(data: &str) -> Self {
        serde_json::from_str(data).unwrap_or_default()
    }
}

/// When a session was last used, to [`REFRESH_AFTER`]: its use moves its expiry.
pub fn last_used(expires_at: Timestamp) -> Timestamp {
    Timestamp(expires_at.0 - HOURS * 3_600_000)
}

/// Sessions in the portal's database.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    clock: Clock,
}

// The trait requires `Debug`; the fields hold nothing worth printing.
impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

/// The session layer. `public_url` decides the cookie's name and its `Secure` attribute.
pub fn layer(store: Store, clock: Clock, public_url: &str) -> SessionManagerLayer<Sessions> {
    SessionManagerLayer::new(Sessions { store, clock })
        .with_name(cookie_name(public_url))
        .with_secure(public_url.starts_with("https://"))
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(expiry_of_use())
}

/// The name of the session's cookie.
pub fn cookie_name(public_url: &str) -> &'static str {
    if public_url.starts_with("https://") { "__Host-sid" } else { "sid" }
}

/// Which session cookies a request carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCookies {
    /// A cookie with a well-formed session id.
    pub session: bool,
    /// A cookie with a malformed value, which was removed.
    pub malformed: bool,
}

/// Removes cookies that the session layer must not see, and reports the session cookies. Any cookie
/// that the layer would accept must be detected here, so lines are decoded as the layer does: as
/// UTF-8, not only ASCII.
///
/// Cookies with a `%` in their name are removed: the layer percent-decodes names, so `__%48ost-sid`
/// would become the session cookie. Browsers let sibling hosts of the domain set that name, because
/// it does not begin with `__Host-`.
pub fn without_malformed(headers: &mut HeaderMap, name: &str) -> SessionCookies {
    let mut found = SessionCookies::default();
    let lines: Vec<String> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| std::str::from_utf8(line.as_bytes()).ok().map(str::to_owned))
        .collect();
    let (mut kept, mut removed) = (Vec::new(), false);
    for pair in lines.iter().flat_map(|line| line.split(';')).map(str::trim) {
        let (key, value) =
            pair.split_once('=').map_or((pair, ""), |(key, value)| (key.trim(), value.trim()));
        let is_session = key == name;
        let is_malformed = is_session && value.trim_matches('"').parse::<Id>().is_err();
        found.session |= is_session && !is_malformed;
        found.malformed |= is_malformed;
        if is_malformed || key.contains('%') {
            removed = true;
        } else {
            kept.push(pair);
        }
    }
    if removed {
        headers.remove(COOKIE);
        if let Ok(line) = HeaderValue::from_bytes(kept.join("; ").as_bytes()) {
            headers.insert(COOKIE, line);
        }
    }
    found
}

/// Idle timeout of a signed-in session. Without it the library's default of two weeks applies.
pub fn expiry_of_use() -> Expiry {
    Expiry::OnInactivity(time::Duration::hours(HOURS))
}

/// Whether a session that was signed in at `signed_in` has exceeded its absolute lifetime.
pub fn is_too_old(signed_in: Timestamp, now: Timestamp) -> bool {
    signed_in.after(LONGEST) <= now
}

/// Whether the session still exists and belongs to a user who may sign in. Signing out deletes it.
pub async fn is_of(store: &Store, clock: &Clock, id: Id, user: UserId) -> Result<bool, Error> {
    let conn = &mut store.read().await?;
    if sessions::find(conn, &id_hash(id), clock.now()).await?.is_none() {
        return Ok(false);
    }
    Ok(users::by_id(conn, user).await?.is_some_and(|user| !user.disabled))
}

/// Adds `Secure` to cookies that delete a `__Host-` cookie. Browsers ignore the deletion without
/// it, and the session layer does not set it.
pub async fn complete_removals(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let cookies = response.headers_mut().iter_mut().filter(|(name, _)| *name == SET_COOKIE);
    for (_, cookie) in cookies {
        let text = cookie.to_str().unwrap_or_default();
        if text.starts_with("__Host-")
            && !text.contains("; Secure")
            && let Ok(complete) = HeaderValue::from_str(&format!("{text}; Secure"))
        {
            *cookie = complete;
        }
    }
    response
}

/// The hash that a session, and data that belongs to it, is stored under.
pub fn id_hash(id: Id) -> Vec<u8> {
    hash(&id.to_string())
}

fn failed(error: Error) -> session_store::Error {
    session_store::Error::Backend(chain(&error))
}

fn expiry(record: &Record) -> Timestamp {
    Timestamp(
        i64::try_from(record.expiry_date.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX),
    )
}

fn encode(record: &Record) -> session_store::Result<String> {
    serde_json::to_string(&record.data)
        .map_err(|error| session_store::Error::Encode(error.to_string()))
}

impl Sessions {
    /// Whether the stored session has the same content and nearly the same expiry, so that no write
    /// is needed.
    async fn is_current(&self, record: &Record) -> session_store::Result<bool> {
        let stored = self.load(&record.id).await?;
        let drift = |stored: &Record| expiry(stored).until(expiry(record));
        Ok(stored
            .is_some_and(|stored| stored.data == record.data && drift(&stored) < REFRESH_AFTER))
    }
}

#[async_trait::async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let (data, expires_at) = (encode(record)?, expiry(record));
        loop {
            let (id_hash, data) = (id_hash(record.id), data.clone());
            let created: Result<(), Error> = self
                .store
                .write(move |conn| {
                    Box::pin(
                        async move { sessions::insert(conn, &id_hash, &data, expires_at).await },
                    )
                })
                .await;
            match created {
                Ok(()) => return Ok(()),
                Err(Error::Exists) => record.id = Id::default(),
                Err(error) => return Err(failed(error)),
            }
        }
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        if self.is_current(record).await? {
            return Ok(());
        }
        let (id_hash, data, expires_at) = (id_hash(record.id), encode(record)?, expiry(record));
        let saved: Result<(), Error> = self
            .store
            .write(move |conn| {
                Box::pin(async move { sessions::update(conn, &id_hash, &data, expires_at).await })
            })
            .await;
        match saved {
            // A temporary failure does not sign users out: they keep the session as stored.
            // (Signing in calls `create`, which must succeed.)
            Err(error) if error.is_transient() => {
                tracing::warn!(error = chain(&error), "failed to save a session");
                Ok(())
            }
            saved => saved.map_err(failed),
        }
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let mut conn = self.store.read().await.map_err(failed)?;
        let row =
            sessions::find(&mut conn, &id_hash(*id), self.clock.now()).await.map_err(failed)?;
        let Some((data, expires_at)) = row else { return Ok(None) };
        let data: HashMap<String, Value> = serde_json::from_str(&data)
            .map_err(|error| session_store::Error::Decode(error.to_string()))?;
        let expiry_date = OffsetDateTime::from_unix_timestamp(expires_at.seconds())
            .map_err(|error| session_store::Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        let id_hash = id_hash(*id);
        let deleted: Result<(), Error> = self
            .store
            .write(move |conn| Box::pin(async move { sessions::delete(conn, &id_hash).await }))
            .await;
        deleted.map_err(failed)
    }
}

/// The session that the layer put into a request's extensions.
pub fn of(extensions: &http::Extensions) -> Option<tower_sessions::Session> {
    extensions.get::<tower_sessions::Session>().cloned()
}
