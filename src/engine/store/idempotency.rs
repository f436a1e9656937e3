//! Idempotency keys of events. A producer that missed our answer repeats its request with the same
//! key and gets the first answer again instead of creating a second event.

use std::collections::HashMap;

use super::{
    db::{Conn, on_db, padded, push_list},
    error::Error,
};
use crate::domain::time::Timestamp;

/// An idempotency key as it is stored: only hashes, never the key itself.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// Hash of the key and of the caller who used it.
    pub key_hash: Vec<u8>,
    /// Hash of the request's body.
    pub body_hash: Vec<u8>,
}

/// What is stored for a key that was used.
#[derive(Clone, Debug)]
pub struct Used {
    body_hash: Vec<u8>,
    answer: String,
}

impl Used {
    /// The stored answer. Fails with [`Error::KeyReused`] when the key came with another body
    /// before.
    pub fn answer_to(&self, key: &IdempotencyKey) -> Result<&str, Error> {
        if self.body_hash == key.body_hash { Ok(&self.answer) } else { Err(Error::KeyReused) }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    key_hash: Vec<u8>,
    body_hash: Vec<u8>,
    answer: String,
}

/// Looks up keys that were used and have not expired. The result is indexed by key hash.
pub async fn look_up(
    conn: &mut Conn,
    keys: &[&IdempotencyKey],
    now: Timestamp,
) -> Result<HashMap<Vec<u8>, Used>, Error> {
    let hashes: Vec<&[u8]> = keys.iter().map(|key| key.key_hash.as_slice()).collect();
    let mut found = HashMap::new();
    for hashes in padded(&hashes) {
        let rows: Vec<Row> = on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(
                "SELECT key_hash, body_hash, answer FROM idempotency WHERE expires_at > ",
            );
            query.push_bind(now).push(" AND key_hash IN ");
            push_list!(query, &hashes);
            query.build_query_as().fetch_all(c).await
        })?;
        found.extend(rows.into_iter().map(|row| {
            let used = Used { body_hash: row.body_hash, answer: row.answer };
            (row.key_hash, used)
        }));
    }
    Ok(found)
}
