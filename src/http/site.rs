//! The browser's files as they are embedded in the binary (a debug build reads them from the
//! folder), and the version of their contents. Imports nothing of ours.

use std::sync::LazyLock;

use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "target/site"]
pub struct Site;

/// The first 16 hex digits over all files: changes when any of them does.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for name in Site::iter().filter(|name| !name.ends_with(".br") && !name.ends_with(".gz")) {
        if let Some(file) = Site::get(&name) {
            hasher.update(file.metadata.sha256_hash());
        }
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

pub fn version() -> &'static str {
    &VERSION
}
