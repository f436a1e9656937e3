//! Static files, embedded in the binary (debug builds read them from the folder), and the version
//! of their contents. Imports no other module of the crate.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "target/site"]
pub struct Site;

/// The first 16 hex digits of a hash over all files: changes when any file does.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for name in Site::iter().filter(|name| !name.ends_with(".br") && !name.ends_with(".gz")) {
        if let Some(file) = Site::get(&name) {
            hasher.update(file.metadata.sha256_hash());
        }
    }
    HEXLOWER.encode(&hasher.finalize()[..8])
});

pub fn version() -> &'static str {
    &VERSION
}
