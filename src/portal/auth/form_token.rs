//! Form tokens: a sealed hidden field in every form that must not lose or repeat what a user does.
//! It names the user to whom the form was shown. So a form that is posted after the session has
//! ended can be kept for that user only, and a stranger without a token can make the
//! server keep nothing. Its nonce tells a form that is posted twice from two forms.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::token::new_nonce;
use crate::{
    domain::{id::UserId, time::Timestamp},
    engine::{
        clock::Clock,
        store::secrets::{Place, Vault},
    },
};

/// The name of the hidden field.
pub const FIELD: &str = "form_token";

/// Longer than the longest session, so that a form that outlived its session is still known.
const LIVES: Duration = Duration::from_secs(8 * 24 * 3600);

const PLACE: Place<'static> = Place { table: "forms", column: FIELD, row: b"" };

/// The content of a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FormToken {
    /// The user to whom the form was shown.
    pub user: UserId,
    /// Different in every form that is shown.
    pub nonce: String,
    until: Timestamp,
}

impl FormToken {
    /// A new token, sealed.
    pub fn sealed(vault: &Vault, clock: &Clock, user: UserId) -> String {
        let token = Self { user, nonce: new_nonce(), until: clock.now().after(LIVES) };
        // Serialising ids, text and numbers cannot fail.
        let text = serde_json::to_vec(&token).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode(vault.seal(PLACE, &text))
    }

    /// The token, if this server sealed it and it has not expired.
    pub fn open(vault: &Vault, clock: &Clock, sealed: &str) -> Option<Self> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let text = vault.open(PLACE, &sealed).ok()?;
        let token: Self = serde_json::from_slice(&text).ok()?;
        (token.until > clock.now()).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_with_its_key_and_for_eight_days() {
        let vault = |seed: u8| Vault::from_key_file(&[seed; 32]).unwrap();
        let clock = Clock::test(Timestamp(1_000_000));
        let user = UserId(clock.id());
        let token = FormToken::sealed(&vault(1), &clock, user);
        let other = FormToken::sealed(&vault(1), &clock, user);
        let opened = FormToken::open(&vault(1), &clock, &token).unwrap();
        assert_eq!(opened.user, user);
        assert_ne!(opened.nonce, FormToken::open(&vault(1), &clock, &other).unwrap().nonce);
        assert!(FormToken::open(&vault(2), &clock, &token).is_none(), "another key");
        for wrong in ["", "x", &token[1..]] {
            assert!(FormToken::open(&vault(1), &clock, wrong).is_none(), "{wrong}");
        }
        clock.advance(LIVES);
        assert!(FormToken::open(&vault(1), &clock, &token).is_none(), "too old");
    }
}
