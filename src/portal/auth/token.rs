//! Bearer tokens: `shk_` and 32 random bytes. Shown once; only a hash is kept.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::engine::clock::random_bytes;

pub const PREFIX: &str = "shk_";

/// A new token. Show it once and forget it.
pub fn new_token() -> String {
    format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<32>()))
}

/// A new random word for links: set-up and the like.
pub fn new_word() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<24>())
}

/// A new API key for a hook.
pub fn new_api_key() -> String {
    format!("key_{}", BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<24>()))
}

/// What is stored of a token, a link or a session id. They are random enough to need no slow hash.
pub fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}
