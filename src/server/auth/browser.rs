//! Browsers that somebody has signed in with before. Their tries are counted apart from everybody else's, so that no flood
//! of guesses keeps the owner of an account from it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    cookie::Cookie,
    token::{hash, new_word},
};
use crate::domain::id::UserId;

/// Half a year, from the last sign-in.
pub const KNOWN: Cookie = Cookie { name: "known", lives: Duration::from_secs(180 * 24 * 3600) };

/// Accounts that a browser is known for at once: the latest.
const ACCOUNTS: usize = 5;

/// What a browser is known for, as its cookie says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Browser {
    /// Tells one browser from another.
    word: String,
    accounts: Vec<(UserId, Vec<u8>)>,
}

/// Ends with the password: whoever had the old one is a stranger again.
fn mark(password_hash: &str) -> Vec<u8> {
    hash(password_hash)[..8].to_vec()
}

impl Browser {
    /// Is it worth asking whether it is known for an account?
    pub fn is_known(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// The browser's word, if it is known for this account.
    pub fn known_for(&self, user: UserId, password_hash: &str) -> Option<&str> {
        let mark = mark(password_hash);
        self.accounts.iter().any(|(known, its)| *known == user && *its == mark).then_some(self.word.as_str())
    }

    /// The same browser after a sign-in.
    #[must_use]
    pub fn after_sign_in(mut self, user: UserId, password_hash: &str) -> Self {
        if self.word.is_empty() {
            self.word = new_word();
        }
        self.accounts.retain(|(known, _)| *known != user);
        self.accounts.insert(0, (user, mark(password_hash)));
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
        let word = browser.known_for(ann, "old").unwrap().to_owned();
        let many = (0..ACCOUNTS).fold(browser, |browser, _| browser.after_sign_in(UserId(Clock::System.id()), "x"));
        assert!(many.known_for(ann, "old").is_none());
        assert_eq!(many.after_sign_in(bob, "x").known_for(bob, "x"), Some(word.as_str()));
    }
}
