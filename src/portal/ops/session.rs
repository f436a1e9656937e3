//! Signing in and out.

use std::{net::IpAddr, sync::Arc};

use tower_sessions::Session;

use super::{Error, refusals};
use crate::{
    domain::{
        busy::Busy,
        invalid::Invalid,
        permission::{Actor, Grant, right},
        user::{User, parse_email},
    },
    engine::store::{self, audit, error::chain},
    portal::{
        auth::{
            actor::actor_of_user,
            browser::Browser,
            client::{network, site},
            fair_queue::QueueKey,
            refusals::Refusal,
            session::{DEVICE, Device, SIGNED_IN, USER, expiry_of_use},
            throttle::{Attempt, Origin},
        },
        ctx::{Denied, OpCtx, Portal},
        store::users::{self, Credentials},
    },
    view::words::session::{WRONG_PASSWORD, too_many_passwords},
};

/// Longer names of browsers are cut.
const LONGEST_AGENT: usize = 300;

/// A client that wants to sign in: its address, what its browser calls itself, and the accounts the
/// browser is known for.
pub struct Visitor {
    pub client: Option<IpAddr>,
    pub agent: String,
    pub browser: Browser,
}

/// Signs in. The session gets a new id, which prevents session fixation, and the browser becomes
/// known for the account.
pub async fn sign_in(
    ctx: &OpCtx,
    session: &Session,
    visitor: Visitor,
    email: &str,
    password: &str,
) -> Result<(User, Browser), Error> {
    let found = check(&ctx.portal, &visitor, email, password).await?;
    begin(ctx, session, &found.user, &visitor.agent).await?;
    note(ctx, &found.user, "session.began").await;
    let browser = visitor.browser.after_sign_in(found.user.id, &found.password_hash);
    Ok((found.user, browser))
}

/// Checks address and password. Takes the same time whether the account exists or not.
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
    let verified = verify(portal, visitor, &email, password).await?;
    verified.ok_or_else(|| Invalid::one("email", "wrong", WRONG_PASSWORD).into())
}

/// The account with this address and password. Every attempt counts in the rate limiter.
pub(super) async fn verify(
    portal: &Arc<Portal>,
    visitor: &Visitor,
    email: &str,
    password: &str,
) -> Result<Option<Credentials>, Error> {
    let (attempt, key) = admit(portal, visitor, email).await?;
    match matching(portal, key, email, password).await {
        Ok(Some(credentials)) => {
            portal.throttle.succeeded(&attempt);
            Ok(Some(credentials))
        }
        Ok(None) => {
            refusals::note(portal, Refusal::WrongPassword, visitor.client);
            Ok(None)
        }
        Err(error) => {
            portal.throttle.forgive(&attempt);
            Err(error)
        }
    }
}

/// Counts the attempt in the rate limiter before any costly work, and selects its queue.
async fn admit(
    portal: &Arc<Portal>,
    visitor: &Visitor,
    email: &str,
) -> Result<(Attempt, QueueKey), Error> {
    // Only known browsers cause a database read before the attempt is counted. Their cookie cannot
    // be forged.
    let account = match visitor.browser.is_known() {
        true => users::by_email(&mut portal.store().read().await?, email).await?,
        false => None,
    };
    let browser_id = account.and_then(|account| {
        visitor.browser.known_for(account.user.id, &account.password_hash).map(str::to_owned)
    });
    let (origin, key) = match (browser_id, visitor.client) {
        (Some(id), _) => (Origin::KnownBrowser(id.clone()), QueueKey::KnownBrowser(id)),
        (None, client) => {
            let client = client.unwrap_or(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED));
            let network = site(client).unwrap_or_else(|| network(client));
            (Origin::Client(client), QueueKey::Network(network))
        }
    };
    let now = portal.clock().now();
    match portal.throttle.begin(&origin, email, now) {
        Ok(attempt) => Ok((attempt, key)),
        Err(wait) => {
            refusals::note(portal, Refusal::TooManyPasswords, visitor.client);
            Err(Invalid::one("password", "throttled", too_many_passwords(wait)).into())
        }
    }
}

/// The user with this address and password, if they may sign in.
async fn matching(
    portal: &Portal,
    key: QueueKey,
    email: &str,
    password: &str,
) -> Result<Option<Credentials>, Error> {
    let found = users::by_email(&mut portal.store().read().await?, email).await?;
    let hash = found.as_ref().map(|credentials| credentials.password_hash.clone());
    let is_correct = portal.passwords.verify(key, password.to_owned(), hash).await?;
    Ok(found.filter(|credentials| is_correct && !credentials.user.disabled))
}

/// Binds a session to an authenticated user. `agent`: what their browser calls itself.
pub async fn begin(ctx: &OpCtx, session: &Session, user: &User, agent: &str) -> Result<(), Error> {
    renew(session).await?;
    session.set_expiry(Some(expiry_of_use()));
    session.insert(SIGNED_IN, ctx.portal.clock().now()).await.map_err(session_failed)?;
    let agent: String = agent.chars().take(LONGEST_AGENT).collect();
    let address = ctx.client.map(|client| client.to_string()).unwrap_or_default();
    session.insert(DEVICE, Device { agent, address }).await.map_err(session_failed)?;
    session.insert(USER, user.id).await.map_err(session_failed)
}

/// Gives a session a new id. The old one is deleted at once.
pub(super) async fn renew(session: &Session) -> Result<(), Error> {
    session.cycle_id().await.map_err(session_failed)
}

/// Signs out: deletes the session in the database, not only the cookie.
pub async fn sign_out(ctx: &OpCtx, session: &Session) -> Result<(), Error> {
    session.flush().await.map_err(session_failed)?;
    if let Some(user) = &ctx.user {
        note(ctx, user, "session.ended").await;
    }
    Ok(())
}

/// Writes a sign-in or sign-out to the audit log. A failure does not refuse the sign-in: the user
/// may be the one who has to find the cause.
pub async fn note(ctx: &OpCtx, user: &User, action: &'static str) {
    let Ok(grant) = audit_grant(user) else { return };
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
        tracing::warn!(error = chain(&error), action, "failed to write to the audit log");
    }
}

/// For audit entries about a user's own account. Every user's are recorded, so the grant is the
/// portal's, with the user's name.
pub(super) fn audit_grant(user: &User) -> Result<Grant<right::SystemRead>, Error> {
    let actor = Actor { label: actor_of_user(user).label, ..Actor::portal() };
    Ok(actor.require(right::SystemRead).map_err(Denied::from)?)
}

fn session_failed(error: tower_sessions::session::Error) -> Error {
    tracing::error!(error = %error, "the session store failed");
    Error::Busy { reason: Busy::Sessions, seconds: 1 }
}
