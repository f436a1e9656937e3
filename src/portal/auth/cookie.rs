//! Sealed cookies: state kept in the browser, encrypted and authenticated, so that a client can
//! neither read nor forge it. They avoid database writes for clients that are not signed in.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    domain::time::Timestamp,
    engine::{
        clock::Clock,
        store::secrets::{Place, Vault},
    },
};

/// Maximum bytes of the `Set-Cookie` line: browsers drop cookies of more than about 4,096 bytes.
const LONGEST: usize = 3800;

#[derive(Serialize, Deserialize)]
struct Content<T> {
    until: Timestamp,
    it: T,
}

/// One kind of sealed cookie.
#[derive(Clone, Copy)]
pub struct Cookie {
    /// Without the `__Host-` prefix, which is added over HTTPS.
    pub name: &'static str,
    pub lives: Duration,
}

impl Cookie {
    fn place(self) -> Place<'static> {
        Place { table: "cookies", column: self.name, row: b"" }
    }

    fn full_name(self, is_https: bool) -> String {
        if is_https { format!("__Host-{}", self.name) } else { self.name.to_owned() }
    }

    /// The `Set-Cookie` line for this content; `None` if it exceeds [`LONGEST`].
    pub fn keep<T: Serialize>(
        self,
        vault: &Vault,
        clock: &Clock,
        is_https: bool,
        it: &T,
    ) -> Option<HeaderValue> {
        let text =
            serde_json::to_vec(&Content { until: clock.now().after(self.lives), it }).ok()?;
        let value = BASE64_URL_SAFE_NO_PAD.encode(vault.seal(self.place(), &text));
        let secure = if is_https { "; Secure" } else { "" };
        let (name, seconds) = (self.full_name(is_https), self.lives.as_secs());
        let line =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        (line.len() <= LONGEST).then(|| HeaderValue::from_str(&line).ok()).flatten()
    }

    /// The cookie's content, if this server sealed it and it has not expired.
    pub fn read<T: DeserializeOwned>(
        self,
        vault: &Vault,
        clock: &Clock,
        is_https: bool,
        headers: &HeaderMap,
    ) -> Option<T> {
        let name = self.full_name(is_https);
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs =
            lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(value).ok()?;
        let text = vault.open(self.place(), &sealed).ok()?;
        let content: Content<T> = serde_json::from_slice(&text).ok()?;
        (content.until > clock.now()).then_some(content.it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAFT: Cookie = Cookie { name: "draft", lives: Duration::from_secs(600) };
    const OTHER: Cookie = Cookie { name: "known", lives: Duration::from_secs(600) };

    fn vault(seed: u8) -> Vault {
        Vault::from_key_file(&[seed; 32]).unwrap()
    }

    fn sent(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(&format!("a=b; {pair}")).unwrap());
        headers
    }

    #[test]
    fn only_cookies_sealed_with_the_same_key_and_name_are_read() {
        let clock = Clock::System;
        let cookie = DRAFT.keep(&vault(1), &clock, false, &"CANARY").unwrap();
        assert!(!cookie.to_str().unwrap().contains("CANARY"));
        let headers = sent(&cookie);
        assert_eq!(DRAFT.read(&vault(1), &clock, false, &headers), Some("CANARY".to_owned()));
        assert_eq!(DRAFT.read::<String>(&vault(2), &clock, false, &headers), None, "another key");
        assert_eq!(DRAFT.read::<String>(&vault(1), &clock, true, &headers), None, "another name");
        let value = cookie.to_str().unwrap().split(['=', ';']).nth(1).unwrap();
        let moved = HeaderValue::from_str(&format!("known={value}")).unwrap();
        assert_eq!(
            OTHER.read::<String>(&vault(1), &clock, false, &sent(&moved)),
            None,
            "another cookie's"
        );
        let old = Cookie { lives: Duration::ZERO, ..DRAFT };
        let old = old.keep(&vault(1), &clock, true, &"x").unwrap();
        assert!(
            old.to_str().unwrap().starts_with("__Host-draft=")
                && old.to_str().unwrap().ends_with("; Secure")
        );
        assert_eq!(DRAFT.read::<String>(&vault(1), &clock, true, &sent(&old)), None, "too old");
    }

    #[test]
    fn a_cookie_too_large_for_browsers_is_not_sent() {
        assert!(DRAFT.keep(&vault(1), &Clock::System, false, &"x".repeat(4000)).is_none());
    }
}
