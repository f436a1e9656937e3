//! Users, their roles, preferences and password hashes.

use std::collections::BTreeMap;

use crate::{
    domain::{
        id::UserId,
        permission::{Grant, Role, right},
        preferences::{Hours, Preferences, Theme},
        time::Timestamp,
        user::{User, folded_email},
    },
    engine::store::{
        db::{Conn, on_db},
        error::{Error, expect_one},
    },
};

/// A user with their password hash.
pub struct Credentials {
    pub user: User,
    pub password_hash: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: UserId,
    email: String,
    name: String,
    password_hash: String,
    disabled: bool,
    created_at: Timestamp,
    theme: String,
    time_zone: String,
    hours: i64,
}

/// Adds a user; [`Error::Exists`] if the address is taken, in any letter case.
pub async fn insert(
    conn: &mut Conn,
    _by: &Grant<right::UsersManage>,
    user: &User,
    password_hash: &str,
) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "INSERT INTO users (id, email, email_folded, name, password_hash, disabled, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    ).bind(user.id).bind(&user.email).bind(folded_email(&user.email)).bind(&user.name)
        .bind(password_hash)
     .bind(user.disabled).bind(user.created_at).execute(c).await.map(drop))?;
    for role in &user.roles {
        on_db!(conn, c => sqlx::query("INSERT INTO user_roles (user_id, role) VALUES ($1, $2)")
            .bind(user.id).bind(role.key()).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// The user with this e-mail address. Needs no grant, because authentication uses it.
pub async fn by_email(conn: &mut Conn, email: &str) -> Result<Option<Credentials>, Error> {
    let row: Option<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, email, name, password_hash, disabled, created_at, theme, time_zone, hours FROM \
         users WHERE email_folded = $1",
    ).bind(folded_email(email)).fetch_optional(c).await)?;
    with_roles(conn, row).await
}

/// The user of a session. Needs no grant, because authentication uses it.
pub async fn by_id(conn: &mut Conn, id: UserId) -> Result<Option<User>, Error> {
    let row: Option<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, email, name, password_hash, disabled, created_at, theme, time_zone, hours FROM \
         users WHERE id = $1",
    ).bind(id).fetch_optional(c).await)?;
    Ok(with_roles(conn, row).await?.map(|credentials| credentials.user))
}

pub async fn set_disabled(
    conn: &mut Conn,
    _by: &Grant<right::UsersManage>,
    id: UserId,
    disabled: bool,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query("UPDATE users SET disabled = $2 WHERE id = $1")
        .bind(id).bind(disabled).execute(c).await.map(|done| done.rows_affected()))?;
    expect_one(rows)
}

/// Deletes a user with their roles, saved views and tokens.
pub async fn delete(
    conn: &mut Conn,
    _by: &Grant<right::UsersManage>,
    id: UserId,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query("DELETE FROM users WHERE id = $1")
        .bind(id).execute(c).await.map(|done| done.rows_affected()))?;
    expect_one(rows)
}

/// Whether an active administrator remains without this user. Call it in the transaction that
/// suspends, demotes or removes the user: it makes such transactions of all nodes wait for each
/// other, by a lock on the first administrator's role. If that row is gone when the lock is
/// granted, the next one is locked.
pub async fn is_another_administrator(
    conn: &mut Conn,
    _by: &Grant<right::UsersManage>,
    id: UserId,
) -> Result<bool, Error> {
    loop {
        let locked = on_db!(conn, c => sqlx::query(
            "UPDATE user_roles SET role = role WHERE role = 'administrator' AND user_id = (SELECT \
             user_id FROM user_roles WHERE role = 'administrator' ORDER BY user_id LIMIT 1)",
        ).execute(c).await.map(|done| done.rows_affected()))?;
        // A new statement sees what the others have committed.
        let (all, others): (i64, i64) = on_db!(conn, c => sqlx::query_as(
            "SELECT COUNT(*), COALESCE(SUM(CASE WHEN u.id <> $1 AND NOT u.disabled THEN 1 ELSE 0 \
             END), 0) FROM user_roles r JOIN users u ON u.id = r.user_id WHERE r.role = \
             'administrator'",
        ).bind(id).fetch_one(c).await)?;
        if locked > 0 || all == 0 {
            return Ok(others > 0);
        }
    }
}

/// Replaces a user's own password hash; [`Error::Missing`] if it is no longer `current`. Needs no
/// grant: who knows the current password may change it.
pub async fn change_password(
    conn: &mut Conn,
    id: UserId,
    current: &str,
    new: &str,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query("UPDATE users SET password_hash = $3 WHERE id = $1 \
        AND password_hash = $2")
        .bind(id).bind(current).bind(new).execute(c).await.map(|done| done.rows_affected()))?;
    expect_one(rows)
}

/// Stores a user's own preferences. Needs no grant, because users may always change their own.
pub async fn set_preferences(
    conn: &mut Conn,
    id: UserId,
    preferences: &Preferences,
) -> Result<(), Error> {
    let Preferences { theme, time_zone, hours } = preferences;
    on_db!(conn, c => sqlx::query("UPDATE users SET theme = $2, time_zone = $3, hours = $4 WHERE \
                                   id = $1")
        .bind(id).bind(theme.key()).bind(time_zone).bind(i64::from(hours.count())).execute(c).await
            .map(drop))?;
    Ok(())
}

/// Whether any user exists. First-run set-up is open until then.
pub async fn any(conn: &mut Conn) -> Result<bool, Error> {
    let (count,): (i64,) = on_db!(conn, c => sqlx::query_as("SELECT COUNT(*) FROM (SELECT 1 FROM \
        users LIMIT 1) AS one").fetch_one(c).await)?;
    Ok(count > 0)
}

/// All users, by e-mail address.
pub async fn all(conn: &mut Conn, _by: &Grant<right::UsersManage>) -> Result<Vec<User>, Error> {
    let rows: Vec<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, email, name, password_hash, disabled, created_at, theme, time_zone, hours FROM \
         users ORDER BY email_folded",
    ).fetch_all(c).await)?;
    let pairs: Vec<(UserId, String)> = on_db!(conn, c => sqlx::query_as("SELECT user_id, role FROM \
        user_roles ORDER BY role").fetch_all(c).await)?;
    let mut roles: BTreeMap<UserId, Vec<Role>> = BTreeMap::new();
    for (user, role) in pairs {
        roles.entry(user).or_default().push(known_role(&role)?);
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let own_roles = roles.remove(&row.id).unwrap_or_default();
            row.user(own_roles)
        })
        .collect())
}

async fn with_roles(conn: &mut Conn, row: Option<Row>) -> Result<Option<Credentials>, Error> {
    let Some(row) = row else { return Ok(None) };
    let keys: Vec<(String,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT role FROM user_roles WHERE user_id = $1 ORDER BY role",
    ).bind(row.id).fetch_all(c).await)?;
    let roles = keys.iter().map(|(key,)| known_role(key)).collect::<Result<_, _>>()?;
    let password_hash = row.password_hash.clone();
    Ok(Some(Credentials { user: row.user(roles), password_hash }))
}

fn known_role(key: &str) -> Result<Role, Error> {
    Role::from_key(key).ok_or(Error::Inconsistent { table: "user_roles", column: "role" })
}

impl Row {
    fn user(self, roles: Vec<Role>) -> User {
        let Self { id, email, name, disabled, created_at, theme, time_zone, hours, .. } = self;
        // An unknown theme (written by a newer version) must not keep the user from signing in.
        let theme = Theme::from_key(&theme).unwrap_or_default();
        let hours = if hours == 12 { Hours::Twelve } else { Hours::TwentyFour };
        let preferences = Preferences { theme, time_zone, hours };
        User { id, email, name, roles, disabled, created_at, preferences }
    }
}
