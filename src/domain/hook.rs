//! A hook: one event type sent to one URL. The stored hook, its form, its patch, and validation.

use serde::{Deserialize, Deserializer, Serialize};

pub use super::{
    api_key::{ApiKey, api_key_hint},
    tuning::{Tuning, TuningPatch, TypedTuning},
};
use super::{event::EventType, id::HookId, invalid::Invalid, time::Timestamp};

pub const MAX_NAME: usize = 100;

/// A configured hook, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    pub id: HookId,
    pub name: String,
    pub event_type: EventType,
    pub callback_url: String,
    /// The switch: what the administrator wants.
    pub enabled: bool,
    /// Why the portal turned it off automatically.
    pub off_reason: Option<String>,
    /// The last characters of the key: `••••a91f`.
    pub api_key_hint: String,
    pub tuning: Tuning,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Incremented by every change, for optimistic locking.
    pub version: i64,
}

/// A hook's form as typed. An empty `api_key` keeps the stored one.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookForm {
    pub name: String,
    pub event_type: String,
    pub callback_url: String,
    pub api_key: String,
    #[serde(deserialize_with = "is_checked")]
    pub enabled: bool,
    pub tuning: TypedTuning,
}

/// A checkbox: a browser sends `on`, our own control `true`, and an unchecked one is missing.
fn is_checked<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Control {
        Stored(bool),
        Posted(String),
    }
    Ok(match Control::deserialize(value)? {
        Control::Stored(is_checked) => is_checked,
        Control::Posted(text) => matches!(text.as_str(), "true" | "on" | "1"),
    })
}

/// Leaves out the API key, which is a secret.
impl std::fmt::Debug for HookForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookForm")
            .field("name", &self.name)
            .field("event_type", &self.event_type)
            .field("callback_url", &self.callback_url)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// Changes to a hook, not validated yet. `None`: unchanged.
#[derive(Clone, Default)]
pub struct HookPatch {
    pub name: Option<String>,
    pub event_type: Option<String>,
    pub callback_url: Option<String>,
    pub api_key: Option<String>,
    pub enabled: Option<bool>,
    pub tuning: TuningPatch,
    /// All delivery settings from a form. Applied before `tuning`.
    pub typed_tuning: Option<TypedTuning>,
    /// The expected version, for optimistic locking. `None`: any.
    pub version: Option<i64>,
}

/// Validates a hook's name: 1 to 100 readable characters.
pub fn parse_name(raw: &str) -> Result<String, Invalid> {
    let name = raw.trim();
    let error = |code, message: &str| Err(Invalid::one("name", code, message));
    if name.is_empty() {
        return error("required", "Enter a name.");
    }
    if name.chars().count() > MAX_NAME {
        return error("too-long", "Enter a name of at most 100 characters.");
    }
    if name.chars().any(is_unreadable) {
        return error(
            "characters",
            "Remove control, invisible and text-direction characters from the name.",
        );
    }
    Ok(name.to_owned())
}

/// Control characters, bidirectional overrides and zero-width characters can make one name look
/// like another. U+200C and U+200D stay allowed: Persian and several Indian scripts are spelled
/// with them.
fn is_unreadable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2028}' | '\u{2029}'
            | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Validates an event type.
pub fn parse_event_type(raw: &str) -> Result<EventType, Invalid> {
    let error = |code, message: String| Err(Invalid::one("event_type", code, message));
    match EventType::from_key(raw) {
        Some(event) => Ok(event),
        None if raw.is_empty() => error("required", "Choose an event.".to_owned()),
        None => {
            error("unknown", format!("Choose one of these events: {}.", EventType::known_keys()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_counted_in_characters_and_readable() {
        assert_eq!(parse_name("  CRM call-backs "), Ok("CRM call-backs".into()));
        assert!(parse_name(&"é".repeat(100)).is_ok());
        for bad in ["", "   ", &"a".repeat(101), "a\0b", "a\u{202e}b", "a\nb", "a\u{200b}b"] {
            let errors = parse_name(bad).unwrap_err();
            assert_eq!(errors.0[0].field, "name", "{bad:?}");
        }
    }

    #[test]
    fn a_form_never_prints_its_key() {
        let form = HookForm { api_key: "CANARY".into(), ..HookForm::default() };
        assert!(!format!("{form:?}").contains("CANARY"));
    }
}
