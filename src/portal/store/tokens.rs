//! Bearer tokens of programs. A token belongs to the installation or to a user. Only a hash is
//! stored; 256 random bits need no slow password hash.

use crate::{
    domain::{
        id::{TokenId, UserId},
        permission::{Grant, Permissions, right},
        time::Timestamp,
    },
    engine::store::{
        db::{Conn, on_db},
        error::{Error, expect_one},
    },
};

/// Most tokens of a user that are neither revoked nor expired.
pub const MAX_PER_USER: i64 = 20;

/// A token without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    /// The first characters of the secret, to recognise it by. Empty for tokens of older versions.
    pub prefix: String,
    /// The token has at most these; a user's token also at most what its owner may do.
    pub permissions: Permissions,
    /// The user it belongs to; `None`: the installation.
    pub owner: Option<UserId>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// Written at most once a minute.
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: TokenId,
    name: String,
    prefix: String,
    permissions: String,
    owner_id: Option<UserId>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

pub async fn insert(
    conn: &mut Conn,
    _by: &Grant<right::TokensManage>,
    token: &Token,
    secret_hash: &[u8],
) -> Result<(), Error> {
    write(conn, token, secret_hash).await
}

/// Adds a user's own token; `false` if they have [`MAX_PER_USER`]. Needs no grant: it allows no
/// more than its owner may do.
pub async fn insert_own(
    conn: &mut Conn,
    owner: UserId,
    token: &Token,
    secret_hash: &[u8],
) -> Result<bool, Error> {
    let (valid,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT COUNT(*) FROM tokens WHERE owner_id = $1 AND revoked_at IS NULL AND expires_at > \
         $2",
    ).bind(owner).bind(token.created_at).fetch_one(c).await)?;
    if valid >= MAX_PER_USER {
        return Ok(false);
    }
    write(conn, &Token { owner: Some(owner), ..token.clone() }, secret_hash).await?;
    Ok(true)
}

async fn write(conn: &mut Conn, token: &Token, secret_hash: &[u8]) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "INSERT INTO tokens (id, name, secret_hash, permissions, created_at, owner_id, expires_at, \
         prefix) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    ).bind(token.id).bind(&token.name).bind(secret_hash).bind(token.permissions.text())
        .bind(token.created_at).bind(token.owner).bind(token.expires_at).bind(&token.prefix)
     .execute(c).await.map(drop))?;
    Ok(())
}

/// The token with this secret, unless it was revoked or has expired. Needs no grant, because
/// authentication uses it.
pub async fn by_secret(
    conn: &mut Conn,
    secret_hash: &[u8],
    now: Timestamp,
) -> Result<Option<Token>, Error> {
    let row: Option<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, name, prefix, permissions, owner_id, created_at, expires_at, last_used_at, \
         revoked_at FROM tokens WHERE secret_hash = $1 AND revoked_at IS NULL AND (expires_at IS \
         NULL OR expires_at > $2)",
    ).bind(secret_hash).bind(now).fetch_optional(c).await)?;
    Ok(row.map(Row::token))
}

/// Records a use.
pub async fn used(
    conn: &mut Conn,
    id: TokenId,
    at: Timestamp,
    before: Timestamp,
) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "UPDATE tokens SET last_used_at = $2 WHERE id = $1 AND \
         (last_used_at IS NULL OR last_used_at < $3)",
    )
        .bind(id).bind(at).bind(before).execute(c).await.map(drop))?;
    Ok(())
}

/// All tokens, newest first.
pub async fn all(conn: &mut Conn, _by: &Grant<right::TokensManage>) -> Result<Vec<Token>, Error> {
    let rows: Vec<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, name, prefix, permissions, owner_id, created_at, expires_at, last_used_at, \
         revoked_at FROM tokens ORDER BY id DESC",
    ).fetch_all(c).await)?;
    Ok(rows.into_iter().map(Row::token).collect())
}

/// A user's own tokens that are not revoked, newest first. Expired ones are included.
pub async fn of_user(conn: &mut Conn, owner: UserId) -> Result<Vec<Token>, Error> {
    let rows: Vec<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, name, prefix, permissions, owner_id, created_at, expires_at, last_used_at, \
         revoked_at FROM tokens WHERE owner_id = $1 AND revoked_at IS NULL ORDER BY id DESC",
    ).bind(owner).fetch_all(c).await)?;
    Ok(rows.into_iter().map(Row::token).collect())
}

pub async fn revoke(
    conn: &mut Conn,
    _by: &Grant<right::TokensManage>,
    id: TokenId,
    now: Timestamp,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query("UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND \
        revoked_at IS NULL")
        .bind(id).bind(now).execute(c).await.map(|done| done.rows_affected()))?;
    expect_one(rows)
}

/// Revokes a token of this user; [`Error::Missing`] if it is another's, or was revoked.
pub async fn revoke_own(
    conn: &mut Conn,
    owner: UserId,
    id: TokenId,
    now: Timestamp,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query("UPDATE tokens SET revoked_at = $3 WHERE id = $1 AND \
        owner_id = $2 AND revoked_at IS NULL")
        .bind(id).bind(owner).bind(now).execute(c).await.map(|done| done.rows_affected()))?;
    expect_one(rows)
}

impl Row {
    fn token(self) -> Token {
        let Self { id, name, prefix, permissions, owner_id, created_at, .. } = self;
        Token {
            id,
            name,
            prefix,
            permissions: Permissions::parse(&permissions),
            owner: owner_id,
            created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
            revoked_at: self.revoked_at,
        }
    }
}
