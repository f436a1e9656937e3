//! Signing in and out.

use tower_sessions::Session;

use super::Error;
use crate::{
    domain::{
        invalid::Invalid,
        user::{User, parse_email},
    },
    engine::store::users,
    server::{
        auth::session::{SIGNED_IN, USER, expiry_of_use},
        ctx::{OpCtx, Portal},
    },
};

/// One message for every reason, so that nobody learns which addresses exist.
const WRONG: &str = "The e-mail address or the password is wrong.";

/// Checks an address and a password. Takes equally long whether the address is known or not.
pub async fn check(portal: &Portal, email: &str, password: &str) -> Result<User, Error> {
    let mut invalid = Invalid::default();
    let email = invalid.take(parse_email(email)).unwrap_or_default();
    if password.is_empty() {
        invalid.add("password", "required", "Enter your password.");
    }
    invalid.or(())?;
    let now = portal.clock().now();
    let email = email.as_str();
    if let Some(wait) = portal.throttle.wait(email, now) {
        let minutes = wait.as_secs().div_ceil(60);
        let message = format!("Too many wrong passwords for this address. Try again in {minutes} minutes.");
        return Err(Invalid::one("password", "throttled", message).into());
    }
    let found = users::by_email(&mut portal.store().read().await?, email).await?;
    let hash = found.as_ref().map(|credentials| credentials.password_hash.clone());
    let fits = portal.passwords.verify(password.to_owned(), hash).await?;
    match found {
        Some(credentials) if fits && !credentials.user.disabled => {
            portal.throttle.succeeded(email);
            Ok(credentials.user)
        }
        _ => {
            portal.throttle.failed(email, now);
            tracing::warn!(email, "a sign-in was refused");
            Err(Invalid::one("email", "wrong", WRONG).into())
        }
    }
}

/// Signs in: the session gets a new id, so that one planted before is worth nothing.
pub async fn sign_in(ctx: &OpCtx, session: &Session, email: &str, password: &str) -> Result<User, Error> {
    let user = check(&ctx.portal, email, password).await?;
    begin(&ctx.portal, session, &user).await?;
    Ok(user)
}

/// Binds a session to a user who has just proved who they are.
pub async fn begin(portal: &Portal, session: &Session, user: &User) -> Result<(), Error> {
    session.cycle_id().await.map_err(session_failed)?;
    session.set_expiry(Some(expiry_of_use()));
    session.insert(SIGNED_IN, portal.clock().now()).await.map_err(session_failed)?;
    session.insert(USER, user.id).await.map_err(session_failed)
}

/// Signs out: the session is deleted, not only forgotten by the browser.
pub async fn sign_out(session: &Session) -> Result<(), Error> {
    session.flush().await.map_err(session_failed)
}

pub(super) fn session_failed(error: tower_sessions::session::Error) -> Error {
    tracing::error!(error = %error, "the session store failed");
    Error::Busy { seconds: 1 }
}
