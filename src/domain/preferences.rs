//! A user's display preferences, and the interface for formatting times in the user's time zone.

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// The colour theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// The operating system's theme.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: &[Self] = &[Self::System, Self::Light, Self::Dark];

    pub fn key(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|theme| theme.key() == key)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }
}

/// 24-hour or 12-hour clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hours {
    #[default]
    #[serde(rename = "24")]
    TwentyFour,
    #[serde(rename = "12")]
    Twelve,
}

impl Hours {
    pub fn count(self) -> u8 {
        match self {
            Self::TwentyFour => 24,
            Self::Twelve => 12,
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        [Self::TwentyFour, Self::Twelve].into_iter().find(|hours| hours.count().to_string() == key)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    pub theme: Theme,
    /// Name in the tz database.
    pub time_zone: String,
    pub hours: Hours,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: Theme::default(), time_zone: "UTC".to_owned(), hours: Hours::default() }
    }
}

/// Formats times for one user. Pages find it in their context (`ui::widgets::moment`). Only the
/// server implements time zones, so that the browser needs no time zone data.
pub trait Clockface: Send + Sync {
    /// To the second, with offset and zone: `2026-11-22 14:03:11 +05:45 Asia/Kathmandu`.
    fn exact(&self, at: Timestamp) -> String;
    /// The day: `2026-11-22`.
    fn date(&self, at: Timestamp) -> String;
    /// The value of an `<input type="datetime-local">`: `2026-11-22T14:03:11`.
    fn local(&self, at: Timestamp) -> String;
    /// The zone's name, to show next to times without a zone.
    fn zone(&self) -> &str;
}

/// The default, also where no user is known.
pub struct Utc;

impl Clockface for Utc {
    fn exact(&self, at: Timestamp) -> String {
        at.readable()
    }

    fn date(&self, at: Timestamp) -> String {
        at.readable().split(' ').next().unwrap_or_default().to_owned()
    }

    fn local(&self, at: Timestamp) -> String {
        at.rfc3339().split('.').next().unwrap_or_default().to_owned()
    }

    fn zone(&self) -> &str {
        "UTC"
    }
}
