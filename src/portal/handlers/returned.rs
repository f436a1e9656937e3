//! Keeps a rejected form of somebody who is not signed in, so that it can be shown again with its
//! errors. It is kept for ten minutes in a sealed cookie, because nothing is written to the
//! database for strangers.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::portal::{
    auth::{cookie::Cookie, token::new_word},
    request::Request,
};

const DRAFT: Cookie = Cookie { name: "draft", lives: Duration::from_secs(600) };

#[derive(Serialize, Deserialize)]
struct Returned<T> {
    /// Also in the address of the page that shows the form, so that no other page shows it.
    word: String,
    form: T,
}

/// Keeps a form in a cookie. Put the returned word into the address of the page that shows the form
/// again.
pub fn keep<T: Serialize>(request: &Request, form: T) -> String {
    let word: String = new_word().chars().take(8).collect();
    request.keep_cookie(DRAFT, &Returned { word: word.clone(), form });
    word
}

/// The kept form with this word, if the browser sent it.
pub fn find<T: DeserializeOwned>(request: &Request, word: &str) -> Option<T> {
    let returned: Returned<T> = request.cookie(DRAFT)?;
    (returned.word == word).then_some(returned.form)
}
