//! A user's own password and sessions. Every user may change only their own, so no permission is
//! needed. Ending a session deletes its row: every node refuses its next request.

use tower_sessions::Session;

use super::{
    Error,
    preferences::signed_in_user,
    session::{Visitor, audit_grant, renew, verify},
};
use crate::{
    domain::{device, invalid::Invalid, time::Timestamp},
    engine::store::{self, audit},
    portal::{
        auth::{
            browser::Browser,
            fair_queue::QueueKey,
            session::{Facts, id_hash, is_too_old, last_used},
        },
        ctx::OpCtx,
        store::{sessions, users},
    },
    view::words::account as words,
};

/// Attackers try passwords that contain the product's name first.
pub(super) const PRODUCT: &str = "Service Hooks";

/// A session of a user.
#[derive(Clone, Debug)]
pub struct OwnSession {
    /// Tells it from others. It gives no access to the session.
    pub id: String,
    /// "Firefox on Windows".
    pub device: String,
    /// Empty if unknown.
    pub address: String,
    pub signed_in: Timestamp,
    pub last_used: Timestamp,
    /// The session of this request.
    pub is_current: bool,
}

/// The user's sessions: the one of this request first, then the last used.
pub async fn sessions(ctx: &OpCtx, session: &Session) -> Result<Vec<OwnSession>, Error> {
    let user = signed_in_user(ctx)?.id;
    let now = ctx.portal.clock().now();
    let stored = sessions::of_user(&mut ctx.portal.store().read().await?, user, now).await?;
    let current = session.id().map(id_hash);
    let mut all: Vec<OwnSession> = stored
        .into_iter()
        .filter_map(|row| {
            let Facts { signed_in, device } = Facts::parse(&row.data);
            let signed_in = signed_in.filter(|at| !is_too_old(*at, now))?;
            Some(OwnSession {
                id: data_encoding::HEXLOWER.encode(&row.id_hash),
                device: device::name_of(&device.agent),
                address: device.address,
                signed_in,
                last_used: last_used(row.expires_at).max(signed_in),
                is_current: current.as_deref() == Some(&row.id_hash),
            })
        })
        .collect();
    all.sort_by_key(|session| !session.is_current);
    Ok(all)
}

/// Ends one of the user's sessions.
pub async fn end_session(ctx: &OpCtx, id: &str) -> Result<(), Error> {
    let user = signed_in_user(ctx)?.clone();
    let grant = audit_grant(&user)?;
    let hash = data_encoding::HEXLOWER.decode(id.as_bytes()).unwrap_or_default();
    let clock = ctx.portal.clock().clone();
    let ended: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                sessions::end(conn, user.id, &hash).await?;
                let target = user.id.to_string();
                audit::note(conn, &clock, &grant, "session.revoked", &target, "one session").await
            })
        })
        .await;
    match ended {
        Err(store::Error::Missing) => Err(Error::NotFound("session")),
        outcome => Ok(outcome?),
    }
}

/// Ends all sessions of the user but this one. Returns their number.
pub async fn end_other_sessions(ctx: &OpCtx, session: &Session) -> Result<u64, Error> {
    let user = signed_in_user(ctx)?.clone();
    let grant = audit_grant(&user)?;
    let kept = session.id().map(id_hash).unwrap_or_default();
    let clock = ctx.portal.clock().clone();
    let ended: Result<u64, store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                let ended = sessions::end_others(conn, user.id, &kept).await?;
                if ended > 0 {
                    let (target, detail) = (user.id.to_string(), words::sessions_ended(ended));
                    audit::note(conn, &clock, &grant, "session.revoked", &target, &detail).await?;
                }
                Ok(ended)
            })
        })
        .await;
    Ok(ended?)
}

/// Changes the user's password. All other sessions end, and this one gets a new id. Returns the
/// browser, which is known with the new password.
pub async fn change_password(
    ctx: &OpCtx,
    session: &Session,
    visitor: Visitor,
    current: &str,
    new: &str,
) -> Result<Browser, Error> {
    let user = signed_in_user(ctx)?.clone();
    if current.is_empty() {
        return Err(Invalid::one(CURRENT, "required", words::CURRENT_REQUIRED).into());
    }
    // First the new one, which costs no attempt.
    let about = vec![user.email.clone(), user.name.clone(), PRODUCT.to_owned()];
    let passwords = &ctx.portal.passwords;
    passwords.validate(QueueKey::User(user.id), new.to_owned(), about).await??;
    let verified = verify(&ctx.portal, &visitor, &user.email, current).await;
    let Some(found) = verified.map_err(at_current)? else {
        return Err(Invalid::one(CURRENT, "wrong", words::CURRENT_WRONG).into());
    };
    let hash = passwords.hash(QueueKey::User(user.id), new.to_owned()).await?;
    let grant = audit_grant(&user)?;
    let kept = session.id().map(id_hash).unwrap_or_default();
    let (clock, id, written_hash) = (ctx.portal.clock().clone(), user.id, hash.clone());
    let changed: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                users::change_password(conn, id, &found.password_hash, &written_hash).await?;
                let ended = sessions::end_others(conn, id, &kept).await?;
                let (target, detail) = (id.to_string(), words::sessions_ended(ended));
                audit::note(conn, &clock, &grant, "user.password_changed", &target, &detail).await
            })
        })
        .await;
    match changed {
        // Somebody changed it between the check and the write.
        Err(store::Error::Missing) => {
            return Err(Invalid::one(CURRENT, "wrong", words::CURRENT_WRONG).into());
        }
        outcome => outcome?,
    }
    renew(session).await?;
    Ok(visitor.browser.after_sign_in(user.id, &hash))
}

const CURRENT: &str = "current_password";

/// The rate limit speaks of the password that was checked.
fn at_current(error: Error) -> Error {
    match error {
        Error::Invalid(mut invalid) => {
            for error in &mut invalid.0 {
                CURRENT.clone_into(&mut error.field);
            }
            Error::Invalid(invalid)
        }
        error => error,
    }
}
