//! Known browsers: those with a cookie that says which accounts have signed in there before. Their
//! password attempts are counted apart from everybody else's, so that a flood of guesses does not
//! lock the owner of an account out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    cookie::Cookie,
    token::{hash, new_word},
};
use crate::domain::id::UserId;

/// The cookie, for half a year after the last sign-in.
pub const KNOWN: Cookie = Cookie { name: "known", lives: Duration::from_secs(180 * 24 * 3600) };

/// A browser is known for this many accounts, the latest ones.
const ACCOUNTS: usize = 5;

/// The content of the cookie.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Browser {
    /// Tells one browser from another. Empty before its first sign-in.
    id: String,
    /// Accounts, each with the [`fingerprint`] of the password that was used.
    accounts: Vec<(UserId, Vec<u8>)>,
}

/// Changes with the password, so that whoever used the old one is a stranger again.
fn fingerprint(password_hash: &str) -> Vec<u8> {
    hash(password_hash)[..8].to_vec()
}

impl Browser {
    /// Is it known for any account?
    pub fn is_known(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// The browser's id, if it is known for this account.
    pub fn known_for(&self, user: UserId, password_hash: &str) -> Option<&str> {
        let current = fingerprint(password_hash);
        let is_known = self.accounts.iter().any(|(known, used)| *known == user && *used == current);
        is_known.then_some(self.id.as_str())
    }

    /// The same browser, known for this account as well.
    #[must_use]
    pub fn after_sign_in(mut self, user: UserId, password_hash: &str) -> Self {
        if self.id.is_empty() {
            self.id = new_word();
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
