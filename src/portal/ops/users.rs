//! Users: making them.

use super::Error;
use crate::{
    domain::{
        id::UserId,
        invalid::Invalid,
        permission::{Grant, Permission, Role},
        preferences::Preferences,
        user::{User, parse_email},
    },
    engine::{
        clock::Clock,
        store::{self, Conn, audit},
    },
    portal::{
        auth::turns::Who,
        ctx::{OpCtx, Portal},
        store::users,
    },
};

/// Passwords that contain it are guessed first.
const PRODUCT: &str = "Service Hooks";

/// A user to be made, as typed.
#[derive(Default)]
pub struct NewUser {
    pub email: String,
    /// Empty: the part of the address before the @.
    pub name: String,
    pub role: String,
    pub password: String,
}

/// Makes a user.
pub async fn create(ctx: &OpCtx, new: NewUser) -> Result<User, Error> {
    let grant = ctx.require(Permission::UsersManage)?;
    let (user, hash) = prepare(&ctx.portal, new).await?;
    let (clock, made) = (ctx.portal.clock().clone(), user.clone());
    let written: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| Box::pin(async move { write(conn, &clock, &grant, &made, &hash).await }))
        .await;
    match written {
        Ok(()) => Ok(user),
        Err(store::Error::Exists) => {
            Err(Invalid::one("email", "taken", "There is a user with this address already.").into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Judges what was typed and hashes the password.
pub(super) async fn prepare(portal: &Portal, new: NewUser) -> Result<(User, String), Error> {
    let mut invalid = Invalid::default();
    let email = invalid.take(parse_email(&new.email)).unwrap_or_default();
    let role = Role::from_key(&new.role);
    if role.is_none() {
        let known = Role::ALL.iter().map(|role| role.key()).collect::<Vec<_>>().join(", ");
        invalid.add("role", "unknown", format!("Choose one of the roles: {known}."));
    }
    let about = vec![new.email.clone(), new.name.clone(), PRODUCT.to_owned()];
    invalid.take(portal.passwords.validate(Who::Portal, new.password.clone(), about).await?);
    invalid.or(())?;
    let name = match new.name.trim() {
        "" => email.split('@').next().unwrap_or_default().to_owned(),
        name => crate::domain::hook::parse_name(name)?,
    };
    let hash = portal.passwords.hash(Who::Portal, new.password).await?;
    let clock = portal.clock();
    let roles = role.into_iter().collect();
    let user = User {
        id: UserId(clock.id()),
        email,
        name,
        roles,
        disabled: false,
        created_at: clock.now(),
        preferences: Preferences::default(),
    };
    Ok((user, hash))
}

pub(super) async fn write(
    conn: &mut Conn,
    clock: &Clock,
    grant: &Grant,
    user: &User,
    hash: &str,
) -> Result<(), store::Error> {
    users::insert(conn, grant, user, hash).await?;
    let roles = user.roles.iter().map(|role| role.key()).collect::<Vec<_>>().join(" ");
    audit::note(conn, clock, grant, "user.created", &user.id.to_string(), &roles).await
}
