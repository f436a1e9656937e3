//! A hook's API key: validated where it enters, secret from then on. The rules are only here.

use super::invalid::Invalid;

pub const MAX_API_KEY: usize = 512;

/// The key that a receiver expects in `x-api-key`: 1 to 512 visible ASCII characters, exactly as
/// typed. It has neither `Debug` nor `Display` nor `Serialize`, so that it gets into no log,
/// page or database by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let error = |code, message: &str| Err(Invalid::one("api_key", code, message));
        if raw.is_empty() {
            return error("required", "Enter the API key that the receiver expects in x-api-key.");
        }
        if raw.len() > MAX_API_KEY {
            return error("too-long", "Enter a key of at most 512 characters.");
        }
        if !raw.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
            return error(
                "characters",
                "Use only visible ASCII characters: no spaces, line breaks or accents.",
            );
        }
        Ok(Self(raw.to_owned()))
    }

    /// What may be shown of it: see [`api_key_hint`].
    pub fn hint(&self) -> String {
        api_key_hint(&self.0)
    }

    /// The key itself, to seal it, to send it to its receiver, or to show it to a user with the
    /// permission to see it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The last four characters of a key that was typed, valid or not; of a short key, a quarter.
pub fn api_key_hint(typed: &str) -> String {
    let length = typed.chars().count();
    let shown = 4.min(length / 4);
    let end: String = typed.chars().skip(length - shown).collect();
    format!("••••{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_visible_ascii_and_kept_exactly() {
        assert!(ApiKey::parse("!~aB9").is_ok_and(|key| key.expose() == "!~aB9"));
        for bad in ["", "a b", " a", "a\r\nx: y", "a\tb", "é", "\u{7f}", &"k".repeat(513)] {
            assert!(ApiKey::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_hint_never_shows_most_of_a_key() {
        assert_eq!(api_key_hint("0123456789abcdefa91f"), "••••a91f");
        assert_eq!(api_key_hint("abcd"), "••••d");
        assert_eq!(api_key_hint("a"), "••••");
        assert_eq!(api_key_hint("éééé"), "••••é", "a rejected key may be anything");
    }
}
