//! How the log looks. What it holds is `RUST_LOG`'s to say, as everywhere in Rust.

use serde::{Deserialize, Serialize};

/// What is logged unless `RUST_LOG` says otherwise.
pub const USUAL: &str = "info,hyper=warn,sqlx=warn";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` for people, `json` for programs that collect logs.
    pub format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// `RUST_LOG`, unless it is empty.
pub fn filter() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this room is the home of the environment")]
    std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty())
}
