//! Bearer tokens of programs. Only a hash is stored; 256 random bits need no slow password hash.

use crate::{
    domain::{
        id::TokenId,
        permission::{Grant, Permissions, right},
        time::Timestamp,
    },
    engine::store::{
        db::{Conn, on_db},
        error::{Error, expect_one},
    },
};

/// A token without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub permissions: Permissions,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: TokenId,
    name: String,
    permissions: String,
    created_at: Timestamp,
    revoked_at: Option<Timestamp>,
}

pub async fn insert(
    conn: &mut Conn,
    _by: &Grant<right::TokensManage>,
    token: &Token,
    secret_hash: &[u8],
) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "INSERT INTO tokens (id, name, secret_hash, permissions, created_at) VALUES ($1, $2, $3, \
         $4, $5)",
    ).bind(token.id).bind(&token.name).bind(secret_hash).bind(token.permissions.text())
        .bind(token.created_at)
     .execute(c).await.map(drop))?;
    Ok(())
}

/// The token with this secret, unless it was revoked. Needs no grant, because authentication uses
/// it.
pub async fn by_secret(conn: &mut Conn, secret_hash: &[u8]) -> Result<Option<Token>, Error> {
    let row: Option<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, name, permissions, created_at, revoked_at FROM tokens WHERE secret_hash = $1 \
         AND revoked_at IS NULL",
    ).bind(secret_hash).fetch_optional(c).await)?;
    Ok(row.map(Row::token))
}

/// All tokens, newest first.
pub async fn all(conn: &mut Conn, _by: &Grant<right::TokensManage>) -> Result<Vec<Token>, Error> {
    let rows: Vec<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, name, permissions, created_at, revoked_at FROM tokens ORDER BY id DESC",
    ).fetch_all(c).await)?;
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

impl Row {
    fn token(self) -> Token {
        let Self { id, name, permissions, created_at, revoked_at } = self;
        Token { id, name, permissions: Permissions::parse(&permissions), created_at, revoked_at }
    }
}
