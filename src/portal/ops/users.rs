//! Creating users.

use super::{Error, account::PRODUCT};
use crate::{
    domain::{
        id::UserId,
        invalid::Invalid,
        permission::{Grant, Role, right},
        preferences::Preferences,
        user::{User, parse_email},
    },
    engine::{
        clock::Clock,
        store::{self, Conn, audit},
    },
    portal::{
        auth::fair_queue::QueueKey,
        ctx::{OpCtx, Portal},
        store::users,
    },
};

/// A new user, as typed.
#[derive(Default)]
pub struct NewUser {
    pub email: String,
    /// Empty: the part of the address before the @.
    pub name: String,
    pub role: String,
    pub password: String,
}

/// Creates a user.
pub async fn create(ctx: &OpCtx, new: NewUser) -> Result<User, Error> {
    let grant = ctx.require(right::UsersManage)?;
    let (user, hash) = prepare(&ctx.portal, new).await?;
    let (clock, created) = (ctx.portal.clock().clone(), user.clone());
    let written: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move { write(conn, &clock, &grant, &created, &hash).await })
        })
        .await;
    match written {
        Ok(()) => Ok(user),
        Err(store::Error::Exists) => {
            let message = "A user with this email address already exists.";
            Err(Invalid::one("email", "taken", message).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Validates the input and hashes the password.
pub(super) async fn prepare(portal: &Portal, new: NewUser) -> Result<(User, String), Error> {
    let mut invalid = Invalid::default();
    let email = invalid.take(parse_email(&new.email)).unwrap_or_default();
    let role = Role::from_key(&new.role);
    if role.is_none() {
        let known = Role::ALL.iter().map(|role| role.key()).collect::<Vec<_>>().join(", ");
        invalid.add("role", "unknown", format!("Choose one of these roles: {known}."));
    }
    let about = vec![new.email.clone(), new.name.clone(), PRODUCT.to_owned()];
    let key = QueueKey::Portal;
    invalid.take(portal.passwords.validate(key, new.password.clone(), about).await?);
    invalid.or(())?;
    let name = match new.name.trim() {
        "" => email.split('@').next().unwrap_or_default().to_owned(),
        name => crate::domain::hook::parse_name(name)?,
    };
    let hash = portal.passwords.hash(QueueKey::Portal, new.password).await?;
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
    grant: &Grant<right::UsersManage>,
    user: &User,
    hash: &str,
) -> Result<(), store::Error> {
    users::insert(conn, grant, user, hash).await?;
    let roles = user.roles.iter().map(|role| role.key()).collect::<Vec<_>>().join(" ");
    audit::note(conn, clock, grant, "user.created", &user.id.to_string(), &roles).await
}
