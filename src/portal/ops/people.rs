//! What an administrator does with other users: list, suspend, reactivate, remove. Sessions and
//! tokens of a user who is suspended or removed end with it. The last active administrator stays.

use super::Error;
use crate::{
    domain::{
        invalid::Invalid,
        permission::{Grant, Role, right},
        user::{User, parse_email},
    },
    engine::{
        clock::Clock,
        store::{self, Conn, audit},
    },
    portal::{
        ctx::OpCtx,
        store::{sessions, users},
    },
};

/// What happens to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Suspend,
    Reactivate,
    Remove,
}

impl Act {
    fn action(self) -> &'static str {
        match self {
            Self::Suspend => "user.disabled",
            Self::Reactivate => "user.enabled",
            Self::Remove => "user.deleted",
        }
    }
}

/// All users, by email address.
pub async fn list(ctx: &OpCtx) -> Result<Vec<User>, Error> {
    let grant = ctx.require(right::UsersManage)?;
    Ok(users::all(&mut ctx.portal.store().read().await?, &grant).await?)
}

/// Suspends, reactivates or removes the user with this email address. Returns the user as they
/// were.
pub async fn change(ctx: &OpCtx, email: &str, act: Act) -> Result<User, Error> {
    let grant = ctx.require(right::UsersManage)?;
    let email = parse_email(email)?;
    let found = users::by_email(&mut ctx.portal.store().read().await?, &email).await?;
    let Some(user) = found.map(|found| found.user) else { return Err(Error::NotFound("user")) };
    let (clock, changed) = (ctx.portal.clock().clone(), user.clone());
    let is_done: Result<bool, store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move { write(conn, &clock, &grant, &changed, act).await })
        })
        .await;
    // This node forgets the user's tokens at once, others within a second.
    ctx.portal.tokens.clear();
    match is_done {
        Ok(true) => Ok(user),
        Ok(false) => {
            let words = "The last active administrator can't be suspended or removed. Make \
                         another user an administrator first.";
            Err(Invalid::one("email", "last-administrator", words).into())
        }
        Err(store::Error::Missing) => Err(Error::NotFound("user")),
        Err(error) => Err(error.into()),
    }
}

/// `false`: it is the last active administrator.
async fn write(
    conn: &mut Conn,
    clock: &Clock,
    grant: &Grant<right::UsersManage>,
    user: &User,
    act: Act,
) -> Result<bool, store::Error> {
    // This locks the administrators, so the user is read after it.
    if act != Act::Reactivate && !users::is_another_administrator(conn, grant, user.id).await? {
        let now = users::by_id(conn, user.id).await?.ok_or(store::Error::Missing)?;
        if !now.disabled && now.roles.contains(&Role::Administrator) {
            return Ok(false);
        }
    }
    match act {
        Act::Suspend => users::set_disabled(conn, grant, user.id, true).await?,
        Act::Reactivate => users::set_disabled(conn, grant, user.id, false).await?,
        Act::Remove => users::delete(conn, grant, user.id).await?,
    }
    if act != Act::Reactivate {
        sessions::end_others(conn, user.id, &[]).await?;
    }
    audit::note(conn, clock, grant, act.action(), &user.id.to_string(), &user.email).await?;
    Ok(true)
}
