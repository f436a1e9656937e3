//! Cache of bearer tokens, so that a backend that emits thousands of events per second does not
//! cause a database query for each. A revoked token is refused at the latest [`FRESH`] later, on
//! every node.

use std::time::Duration;

use moka::sync::Cache;

use crate::domain::permission::Actor;

/// Time to live of a cache entry.
pub const FRESH: Duration = Duration::from_secs(1);
const MAX_ENTRIES: u64 = 1000;

/// Keyed by the token's hash. Unknown tokens are not cached: a stranger could fill the cache.
pub struct TokenCache(Cache<Vec<u8>, Actor>);

impl Default for TokenCache {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_ENTRIES).time_to_live(FRESH).build())
    }
}

impl TokenCache {
    pub fn find(&self, hash: &[u8]) -> Option<Actor> {
        self.0.get(hash)
    }

    /// Forgets all: a token was revoked. The others are read again.
    pub fn clear(&self) {
        self.0.invalidate_all();
    }

    pub fn remember(&self, hash: Vec<u8>, actor: Actor) {
        self.0.insert(hash, actor);
    }
}
