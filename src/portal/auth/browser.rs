//! Known browsers: a sealed cookie lists the accounts that have signed in from this browser before.
//! Password attempts from a known browser have their own rate-limit counter, so a flood of guesses
//! from elsewhere cannot lock the account's owner out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    cookie::Cookie,
    token::{hash, new_nonce},
};
use crate::domain::id::UserId;

/// The cookie. It lasts 180 days from the last sign-in.
pub const KNOWN: Cookie = Cookie { name: "known", lives: Duration::from_secs(180 * 24 * 3600) };

/// Accounts remembered per browser; the least recently used is dropped.
const ACCOUNTS: usize = 5;

/// The content of the cookie.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Browser {
    /// Identifies the browser in the rate limiter. Empty before its first sign-in.
    id: String,
    /// The accounts, each with the [`fingerprint`] of the password hash at sign-in.
    accounts: Vec<(UserId, Vec<u8>)>,
}

/// Changes when the password changes: a browser that signed in with the old password is no longer
/// known.
fn fingerprint(password_hash: &str) -> Vec<u8> {
    hash(password_hash)[..8].to_vec()
}

impl Browser {
    /// Whether the browser is known for any account.
    pub fn is_known(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// The browser's id, if it is known for this account.
    pub fn known_for(&self, user: UserId, password_hash: &str) -> Option<&str> {
        let current = fingerprint(password_hash);
        let is_known = self.accounts.iter().any(|(known, used)| *known == user && *used == current);
        is_known.then_some(self.id.as_str())
    }

    /// Adds this account to the browser's known accounts.
    #[must_use]
    pub fn after_sign_in(mut self, user: UserId, password_hash: &str) -> Self {
        if self.id.is_empty() {
            self.id = new_nonce();
        }
        self.accounts.retain(|(known, _)| *known != user);
        self.accounts.insert(0, (user, fingerprint(password_hash)));
        self.accounts.truncate(ACCOUNTS);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::Clock;

    #[test]
    fn a_browser_is_known_until_the_password_changes() {
        let (ann, bob) = (UserId(Clock::System.id()), UserId(Clock::System.id()));
        let browser = Browser::default().after_sign_in(ann, "old");
        assert!(browser.known_for(ann, "old").is_some());
        assert!(browser.known_for(ann, "new").is_none() && browser.known_for(bob, "old").is_none());
        let id = browser.known_for(ann, "old").unwrap().to_owned();
        let many = (0..ACCOUNTS)
            .fold(browser, |browser, _| browser.after_sign_in(UserId(Clock::System.id()), "x"));
        assert!(many.known_for(ann, "old").is_none());
        assert_eq!(many.after_sign_in(bob, "x").known_for(bob, "x"), Some(id.as_str()));
    }
}
