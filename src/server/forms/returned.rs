//! A stranger's form that could not be accepted and is shown again: what was typed waits in a cookie, sealed, for ten
//! minutes. Nothing is written for somebody who is not known.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::server::{
    auth::{cookie::Cookie, token::new_word},
    seam::Request,
};

const DRAFT: Cookie = Cookie { name: "draft", lives: Duration::from_secs(600) };

#[derive(Serialize, Deserialize)]
struct Returned<T> {
    /// In the address of the page that shows it, so that no other page does.
    word: String,
    form: T,
}

/// Has the browser keep a form. The word that this returns goes into the address of the page that shows it again.
pub fn keep<T: Serialize>(request: &Request, form: T) -> String {
    let word: String = new_word().chars().take(8).collect();
    request.keep_cookie(DRAFT, &Returned { word: word.clone(), form });
    word
}

/// The form again, if this browser kept it.
pub fn find<T: DeserializeOwned>(request: &Request, word: &str) -> Option<T> {
    let returned: Returned<T> = request.cookie(DRAFT)?;
    (returned.word == word).then_some(returned.form)
}
