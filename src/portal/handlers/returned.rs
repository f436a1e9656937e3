//! Keeps a rejected form of a visitor who is not signed in, so that it can be shown again with its
//! errors. It is kept in an encrypted cookie for ten minutes: anonymous requests must not write to
//! the database.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::portal::{
    auth::{cookie::Cookie, token::new_nonce},
    request::Request,
};

const DRAFT: Cookie = Cookie { name: "draft", lives: Duration::from_secs(600) };

#[derive(Serialize, Deserialize)]
struct Returned<T> {
    /// Also in the address of the page that shows the form: no other page may show it.
    word: String,
    form: T,
}

/// Keeps a form in a cookie. The caller puts the returned word into the address of the page that
/// shows the form again.
pub fn keep<T: Serialize>(request: &Request, form: T) -> String {
    let word: String = new_nonce().chars().take(8).collect();
    request.keep_cookie(DRAFT, &Returned { word: word.clone(), form });
    word
}

/// The kept form with this word, if the browser sent it.
pub fn find<T: DeserializeOwned>(request: &Request, word: &str) -> Option<T> {
    let returned: Returned<T> = request.cookie(DRAFT)?;
    (returned.word == word).then_some(returned.form)
}
