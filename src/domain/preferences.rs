//! How a person wants to see the portal, and what pages ask for a time in that person's zone.

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the person's machine has it.
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
            Self::System => "As the system",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }
}

/// How the hours of a day are counted.
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
    /// The zone's name in the tz database.
    pub time_zone: String,
    pub hours: Hours,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: Theme::default(), time_zone: "UTC".to_owned(), hours: Hours::default() }
    }
}

/// Writes times as one reader wants them. A page finds its reader's in its context
/// (`ui::widgets::moment`); only the server knows zones, so that the browser's half need not.
pub trait Clockface: Send + Sync {
    /// To the second, with offset and zone: `2026-11-22 14:03:11 +05:45 Asia/Kathmandu`.
    fn exact(&self, at: Timestamp) -> String;
    /// The day: `2026-11-22`.
    fn date(&self, at: Timestamp) -> String;
    /// What an `<input type="datetime-local">` holds: `2026-11-22T14:03:11`.
    fn local(&self, at: Timestamp) -> String;
    /// The zone's name, to stand beside whatever is typed or printed without one.
    fn zone(&self) -> &str;
}

/// For whoever has not said otherwise, and wherever nobody is known.
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
