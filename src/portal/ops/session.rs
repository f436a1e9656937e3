//! Signing in and out.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tower_sessions::Session;

use super::{Error, refusals};
use crate::{
    domain::{
        invalid::Invalid,
        permission::{Actor, Permission},
        user::{User, parse_email},
    },
    engine::store::{self, audit, error::chain},
    portal::{
        auth::{
            actor::actor_of_user,
            browser::Browser,
            client::{network, site},
            refusals::Refusal,
            session::{SIGNED_IN, USER, expiry_of_use},
            throttle::{Attempt, Origin},
            turns::Who,
        },
        ctx::{OpCtx, Portal},
        store::users::{self, Credentials},
    },
};

/// One message for every reason, so that nobody learns which addresses exist.
const WRONG: &str = "The e-mail address or the password is wrong.";

/// Somebody who wants to sign in: the address they come from, and the accounts that their browser
/// is known for.
pub struct Visitor {
    pub client: Option<IpAddr>,
    pub browser: Browser,
}

/// Signs in: the session gets a new id, so that one planted before is worth nothing. The browser is
/// known from then on.
pub async fn sign_in(
    ctx: &OpCtx,
    session: &Session,
    visitor: Visitor,
    email: &str,
    password: &str,
) -> Result<(User, Browser), Error> {
    let found = check(&ctx.portal, &visitor, email, password).await?;
    begin(&ctx.portal, session, &found.user).await?;
    note(ctx, &found.user, "session.began").await;
    let browser = visitor.browser.after_sign_in(found.user.id, &found.password_hash);
    Ok((found.user, browser))
}

/// Checks an address and a password. Takes equally long whether the address is known or not.
async fn check(
    portal: &Arc<Portal>,
    visitor: &Visitor,
    email: &str,
    password: &str,
) -> Result<Credentials, Error> {
    let mut invalid = Invalid::default();
    let email = invalid.take(parse_email(email)).unwrap_or_default();
    if password.is_empty() {
        invalid.add("password", "required", "Enter your password.");
    }
    invalid.or(())?;
    let email = email.as_str();
    let (attempt, who) = admit(portal, visitor, email).await?;
    match matching(portal, who, email, password).await {
        Ok(Some(credentials)) => {
            portal.throttle.succeeded(&attempt);
            Ok(credentials)
        }
        Ok(None) => {
            refusals::note(portal, Refusal::WrongPassword, visitor.client);
            Err(Invalid::one("email", "wrong", WRONG).into())
        }
        Err(error) => {
            portal.throttle.forgive(&attempt);
            Err(error)
        }
    }
}

/// Counts an attempt before anything costly is done for it.
async fn admit(
    portal: &Arc<Portal>,
    visitor: &Visitor,
    email: &str,
) -> Result<(Attempt, Who), Error> {
    // The database is read before the attempt is counted only for known browsers. Their cookie
    // cannot be made up.
    let known = match visitor.browser.is_known() {
        true => users::by_email(&mut portal.store().read().await?, email).await?,
        false => None,
    };
    let browser_id = known.and_then(|known| {
        visitor.browser.known_for(known.user.id, &known.password_hash).map(str::to_owned)
    });
    let (origin, who) = match (browser_id, visitor.client) {
        (Some(id), _) => (Origin::KnownBrowser(id.clone()), Who::KnownBrowser(id)),
        (None, client) => {
            let client = client.unwrap_or(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED));
            (Origin::Client(client), Who::Network(site(client).unwrap_or_else(|| network(client))))
        }
    };
    let now = portal.clock().now();
    match portal.throttle.begin(&origin, email, now) {
        Ok(attempt) => Ok((attempt, who)),
        Err(wait) => {
            refusals::note(portal, Refusal::TooManyPasswords, visitor.client);
            Err(Invalid::one("password", "throttled", too_many(wait)).into())
        }
    }
}

/// Does not say what was counted: it may be this network, this browser, or everybody who tried this
/// account.
fn too_many(wait: Duration) -> String {
    let minutes = match wait.as_secs().div_ceil(60) {
        0 | 1 => "a minute".to_owned(),
        more => format!("{more} minutes"),
    };
    format!("Too many wrong passwords. Try again in {minutes}.")
}

/// The user with this address and this password, if they may sign in.
async fn matching(
    portal: &Portal,
    who: Who,
    email: &str,
    password: &str,
) -> Result<Option<Credentials>, Error> {
    let found = users::by_email(&mut portal.store().read().await?, email).await?;
    let hash = found.as_ref().map(|credentials| credentials.password_hash.clone());
    let fits = portal.passwords.verify(who, password.to_owned(), hash).await?;
    Ok(found.filter(|credentials| fits && !credentials.user.disabled))
}

/// Binds a session to a user who has just proved who they are.
pub async fn begin(portal: &Portal, session: &Session, user: &User) -> Result<(), Error> {
    session.cycle_id().await.map_err(session_failed)?;
    session.set_expiry(Some(expiry_of_use()));
    session.insert(SIGNED_IN, portal.clock().now()).await.map_err(session_failed)?;
    session.insert(USER, user.id).await.map_err(session_failed)
}

/// Signs out: the session is deleted, not only forgotten by the browser.
pub async fn sign_out(ctx: &OpCtx, session: &Session) -> Result<(), Error> {
    session.flush().await.map_err(session_failed)?;
    if let Some(user) = &ctx.user {
        note(ctx, user, "session.ended").await;
    }
    Ok(())
}

/// Writes a sign-in or sign-out to the audit log. If it cannot be written, the person is let in all
/// the same: they may be the one who has to find out why.
pub async fn note(ctx: &OpCtx, user: &User, action: &'static str) {
    // Everybody's own sign-ins are noted, so the grant is the portal's and does not depend on what
    // they may do.
    let actor = Actor { label: actor_of_user(user).label, ..Actor::portal() };
    let Ok(grant) = actor.require(Permission::SystemRead) else { return };
    let (clock, target) = (ctx.portal.clock().clone(), user.id.to_string());
    let detail = ctx.client.map(|client| format!("from {client}")).unwrap_or_default();
    let noted: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(
                async move { audit::note(conn, &clock, &grant, action, &target, &detail).await },
            )
        })
        .await;
    if let Err(error) = noted {
        tracing::warn!(error = chain(&error), action, "not in the audit log");
    }
}

fn session_failed(error: tower_sessions::session::Error) -> Error {
    tracing::error!(error = %error, "the session store failed");
    Error::Busy { seconds: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_said_in_whole_minutes() {
        for (seconds, words) in [
            (1, "in a minute."),
            (60, "in a minute."),
            (61, "in 2 minutes."),
            (600, "in 10 minutes."),
        ] {
            let message = too_many(Duration::from_secs(seconds));
            assert!(message.ends_with(words), "{message}");
        }
    }
}
