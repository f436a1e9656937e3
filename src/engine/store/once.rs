//! One act for each `Idempotency-Key`, for requests that make or send something other than events
//! (those have [`super::idempotency`]). A request takes its key before it acts, so that of two that
//! race only one acts. What it made is noted in the transaction that makes it; its answer is kept
//! afterwards, sealed. A request that died before it acted loses its key after a while, and the
//! next one with the same key acts instead.
//!
//! The holder's id is a fence: a request that was too slow and lost its key cannot commit what it
//! makes.

use std::time::Duration;

use uuid::Uuid;

use super::{
    claim,
    db::{Conn, on_db},
    error::{Error, expect_one},
    secrets::{Place, Vault},
};
use crate::{domain::time::Timestamp, engine::clock::Clock};

/// How long an answer is remembered, as with events.
const REMEMBER: Duration = Duration::from_secs(48 * 3600);

/// A request with a key, as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Of who asks, what for, and the key.
    pub key_hash: Vec<u8>,
    /// Of what is asked: the body.
    pub body_hash: Vec<u8>,
}

/// The right to act for a key.
#[derive(Clone, Debug)]
pub struct Once {
    key_hash: Vec<u8>,
    holder: Uuid,
}

/// What is to happen with a request.
#[derive(Debug)]
pub enum Claim {
    /// It acts.
    Acts(Once),
    /// Another one with the same key and body is being carried out.
    Running,
    /// The key was used with another body.
    Other,
    /// It was carried out: this was the answer, as it was kept.
    Answered(Vec<u8>),
    /// It was carried out, and the process ended before the answer was kept. What was made is at
    /// this address.
    Made(String),
}

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

/// Takes a key for `lease`, or says who has it or had it.
pub async fn claim(
    conn: &mut Conn,
    clock: &Clock,
    vault: &Vault,
    asked: &Asked,
    lease: Duration,
) -> Result<Claim, Error> {
    let Asked { key_hash, body_hash } = asked;
    let now = claim::database_now(conn, clock).await?;
    let holder = clock.id();
    forget(conn, key_hash, now).await?;
    // Takes a key that is free, or whose holder died before it acted.
    let taken = on_db!(conn, c => sqlx::query(
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
    if taken == 1 {
        return Ok(Claim::Acts(Once { key_hash: key_hash.clone(), holder }));
    }
    let row: Option<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT body_hash, made, held_until, sealed FROM idempotency WHERE key_hash = $1",
    ).bind(key_hash).fetch_optional(c).await)?;
    Ok(match row {
        Some(row) if row.body_hash != *body_hash => Claim::Other,
        Some(Row { sealed: Some(sealed), .. }) => {
            Claim::Answered(vault.open(place(key_hash), &sealed)?)
        }
        // As long as its holder may be alive, the answer may still come.
        Some(Row { made: Some(made), held_until, .. })
            if held_until.is_none_or(|until| until <= now) =>
        {
            Claim::Made(made)
        }
        // Its holder acts, or has released it in this moment.
        Some(_) | None => Claim::Running,
    })
}

async fn forget(conn: &mut Conn, key_hash: &[u8], now: Timestamp) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM idempotency WHERE key_hash = $1 AND expires_at <= \
                                   $2")
        .bind(key_hash).bind(now).execute(c).await.map(drop))?;
    Ok(())
}

impl Once {
    /// In the transaction that acts: notes where what was made is found. [`Error::Missing`] when
    /// the key was lost to another request, and then nothing of the transaction may stay.
    pub async fn made(&self, conn: &mut Conn, address: &str) -> Result<(), Error> {
        let rows = on_db!(conn, c => sqlx::query(
            "UPDATE idempotency SET made = $3 WHERE key_hash = $1 AND holder = $2 AND sealed IS \
             NULL",
        ).bind(&self.key_hash).bind(self.holder).bind(address).execute(c).await.map(|done| done
            .rows_affected()))?;
        expect_one(rows)
    }

    /// Keeps the answer for the next request with the same key.
    pub async fn answered(
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

    /// Gives the key back: nothing was made, and the request may be repeated with another body.
    pub async fn release(&self, conn: &mut Conn) -> Result<(), Error> {
        on_db!(conn, c => sqlx::query("DELETE FROM idempotency WHERE key_hash = $1 AND holder = $2 \
                                       AND made IS NULL")
            .bind(&self.key_hash).bind(self.holder).execute(c).await.map(drop))?;
        Ok(())
    }
}

/// In a transaction that acts for a request: see [`Once::made`]. Nothing where the request has no
/// key.
pub async fn note(
    conn: &mut Conn,
    once: Option<&Once>,
    address: impl FnOnce() -> String,
) -> Result<(), Error> {
    match once {
        Some(once) => once.made(conn, &address()).await,
        None => Ok(()),
    }
}
