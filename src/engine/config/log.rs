//! The section `log`: the format of log lines. The filter comes from `RUST_LOG`, as usual in Rust.

use serde::{Deserialize, Serialize};

/// The filter when `RUST_LOG` is not set.
pub const DEFAULT_FILTER: &str = "info,hyper=warn,sqlx=warn";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` for people, `json` for log collectors.
    pub format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// The value of `RUST_LOG`. Empty means unset.
pub fn filter() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this module is the home of the environment")]
    std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty())
}
