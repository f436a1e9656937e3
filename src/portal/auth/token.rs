//! Bearer tokens: `shk_` and 32 random bytes. Shown once; only a hash is stored.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::engine::clock::random_bytes;

pub const PREFIX: &str = "shk_";

/// A new token. It can be shown only once.
pub fn new_token() -> String {
    format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<32>()))
}

/// The first characters of a token, to recognise it by. The rest has more than enough entropy.
pub fn prefix_of(token: &str) -> String {
    token.chars().take(PREFIX.len() + 4).collect()
}

/// A random secret for URLs and cookies, such as the set-up link.
pub fn new_nonce() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<24>())
}

/// A new API key for a hook.
pub fn new_api_key() -> String {
    format!("key_{}", BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<24>()))
}

/// The stored form of a token, link or session id. They have enough entropy that no slow hash is
/// needed.
pub fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}
