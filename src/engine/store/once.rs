//! Idempotency keys of requests that create or send something other than events (for those see
//! [`super::idempotency`]).
//!
//! A request claims its key before it acts, so of two concurrent requests only one acts. What it
//! creates is recorded in the transaction that creates it; its answer is stored afterwards, sealed.
//! If a request dies before it acted, its lease on the key expires and the next request with the
//! same key acts instead.
//!
//! The random holder id is a fencing token: a request that was too slow and lost its key cannot
//! commit what it creates.

use std::time::Duration;

use uuid::Uuid;

use super::{
    claim,
    db::{Conn, on_db},
    error::{Error, expect_one},
    secrets::{Place, Vault},
};
use crate::{domain::time::Timestamp, engine::clock::Clock};

/// How long an answer is kept, as for events.
const REMEMBER: Duration = Duration::from_secs(48 * 3600);

/// A request with an idempotency key, as hashes.
#[derive(Clone, Debug)]
pub struct KeyedRequest {
    /// Hash of the caller, the operation and the key.
    pub key_hash: Vec<u8>,
    /// Hash of the request body.
    pub body_hash: Vec<u8>,
}

/// A claimed key: the right to act for it while the lease holds.
#[derive(Clone, Debug)]
pub struct Once {
    key_hash: Vec<u8>,
    holder: Uuid,
}

/// The result of claiming a key.
#[derive(Debug)]
pub enum Claim {
    /// The request may act.
    Acquired(Once),
    /// A request with the same key and body is still in progress.
    InProgress,
    /// The key was used before with another body.
    BodyMismatch,
    /// It was carried out before; the sealed answer, opened.
    Completed(Vec<u8>),
    /// It was carried out, but the process ended before it stored the answer. What was created is
    /// at this address.
    Created(String),
}

/// A key as stored. `made` is the address of what was created.
#[derive(sqlx::FromRow)]
struct Row {
    body_hash: Vec<u8>,
    made: Option<String>,
    held_until: Option<Timestamp>,
    sealed: Option<Vec<u8>>,
}

fn place(key_hash: &[u8]) -> Place<'_> {
    Place { table: "idempotency", column: "sealed", row: key_hash }
}

/// Claims a key for `lease`, or reports its state.
pub async fn claim(
    conn: &mut Conn,
    clock: &Clock,
    vault: &Vault,
    request: &KeyedRequest,
    lease: Duration,
) -> Result<Claim, Error> {
    let KeyedRequest { key_hash, body_hash } = request;
    let now = claim::database_now(conn, clock).await?;
    let holder = clock.id();
    delete_expired(conn, key_hash, now).await?;
    // Claims a free key, or one whose holder died before it acted.
    let claimed = on_db!(conn, c => sqlx::query(
        "INSERT INTO idempotency (key_hash, body_hash, answer, expires_at, holder, held_until)
         VALUES ($1, $2, '', $3, $4, $5)
         ON CONFLICT (key_hash) DO UPDATE SET holder = excluded.holder, held_until = \
         excluded.held_until
         WHERE idempotency.body_hash = excluded.body_hash AND idempotency.holder IS NOT NULL
           AND idempotency.made IS NULL AND idempotency.sealed IS NULL AND idempotency.held_until \
           <= $6",
    ).bind(key_hash).bind(body_hash).bind(now.after(REMEMBER)).bind(holder).bind(now.after(lease))
        .bind(now)
     .execute(c).await.map(|done| done.rows_affected()))?;
    if claimed == 1 {
        return Ok(Claim::Acquired(Once { key_hash: key_hash.clone(), holder }));
    }
    let row: Option<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT body_hash, made, held_until, sealed FROM idempotency WHERE key_hash = $1",
    ).bind(key_hash).fetch_optional(c).await)?;
    Ok(match row {
        Some(row) if row.body_hash != *body_hash => Claim::BodyMismatch,
        Some(Row { sealed: Some(sealed), .. }) => {
            Claim::Completed(vault.open(place(key_hash), &sealed)?)
        }
        // While the lease of the holder lasts, its answer may still come.
        Some(Row { made: Some(made), held_until, .. })
            if held_until.is_none_or(|until| until <= now) =>
        {
            Claim::Created(made)
        }
        // The holder is acting, or has just released the key.
        Some(_) | None => Claim::InProgress,
    })
}

/// Deletes this key if its stored answer has expired.
async fn delete_expired(conn: &mut Conn, key_hash: &[u8], now: Timestamp) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM idempotency WHERE key_hash = $1 AND expires_at <= \
                                   $2")
        .bind(key_hash).bind(now).execute(c).await.map(drop))?;
    Ok(())
}

/// Deletes a key under which something was created whose address ends with this id. A key that
/// another request has claimed since then stays.
pub async fn forget(conn: &mut Conn, key_hash: &[u8], created: &str) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM idempotency WHERE key_hash = $1 AND made LIKE $2")
        .bind(key_hash).bind(format!("%/{created}")).execute(c).await.map(drop))?;
    Ok(())
}

impl Once {
    /// Records the address of what was created. Call it in the transaction that creates it:
    /// [`Error::Missing`] means that the key was lost to another request, and the transaction must
    /// be rolled back.
    pub async fn record_created(&self, conn: &mut Conn, address: &str) -> Result<(), Error> {
        let rows = on_db!(conn, c => sqlx::query(
            "UPDATE idempotency SET made = $3 WHERE key_hash = $1 AND holder = $2 AND sealed IS \
             NULL",
        ).bind(&self.key_hash).bind(self.holder).bind(address).execute(c).await.map(|done| done
            .rows_affected()))?;
        expect_one(rows)
    }

    /// Holds the key for another `lease`. [`Error::Missing`]: it was lost to another request.
    pub async fn renew(
        &self,
        conn: &mut Conn,
        clock: &Clock,
        lease: Duration,
    ) -> Result<(), Error> {
        let now = claim::database_now(conn, clock).await?;
        let rows = on_db!(conn, c => sqlx::query(
            "UPDATE idempotency SET held_until = $3 WHERE key_hash = $1 AND holder = $2",
        ).bind(&self.key_hash).bind(self.holder).bind(now.after(lease)).execute(c).await
            .map(|done| done.rows_affected()))?;
        expect_one(rows)
    }

    /// Stores the sealed answer for the next request with the same key.
    pub async fn store_answer(
        &self,
        conn: &mut Conn,
        vault: &Vault,
        answer: &[u8],
    ) -> Result<(), Error> {
        let sealed = vault.seal(place(&self.key_hash), answer);
        let rows = on_db!(conn, c => sqlx::query("UPDATE idempotency SET sealed = $3 WHERE \
            key_hash = $1 AND holder = $2")
            .bind(&self.key_hash).bind(self.holder).bind(sealed).execute(c).await.map(|done| done
                .rows_affected()))?;
        expect_one(rows)
    }

    /// Releases the key after nothing was created, so that the request may be repeated with another
    /// body.
    pub async fn release(&self, conn: &mut Conn) -> Result<(), Error> {
        on_db!(conn, c => sqlx::query("DELETE FROM idempotency WHERE key_hash = $1 AND holder = $2 \
                                       AND made IS NULL")
            .bind(&self.key_hash).bind(self.holder).execute(c).await.map(drop))?;
        Ok(())
    }
}

/// Calls [`Once::record_created`] if the request has a key.
pub async fn note(
    conn: &mut Conn,
    once: Option<&Once>,
    address: impl FnOnce() -> String,
) -> Result<(), Error> {
    match once {
        Some(once) => once.record_created(conn, &address()).await,
        None => Ok(()),
    }
}
