//! A producer that did not hear our answer asks again with the same key and gets the first answer,
//! not a second event.

use std::collections::HashMap;

use super::{
    db::{Conn, on_db, padded, push_list},
    error::Error,
};
use crate::domain::time::Timestamp;

/// A producer's promise that two requests are the same one.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// Hash of the key and of who used it.
    pub key_hash: Vec<u8>,
    /// Hash of the request's body.
    pub body_hash: Vec<u8>,
}

/// What is known of a key that was used.
#[derive(Clone, Debug)]
pub struct Used {
    body_hash: Vec<u8>,
    answer: String,
}

impl Used {
    /// The first answer; [`Error::KeyReused`] when the key came with another body.
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

/// Those of the keys that were used and are not forgotten yet, by their hashes.
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
