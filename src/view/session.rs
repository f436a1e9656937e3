//! View data of the sign-in page and of every page's frame.

use serde::{Deserialize, Serialize};

use crate::domain::{
    invalid::Invalid, permission::Permissions, preferences::Theme, time::Timestamp,
};

/// A message for the next page: the result of an action, or a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    pub kind: FlashKind,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlashKind {
    Done,
    Warning,
    Failed,
}

/// The frame around a page: the user and their permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Empty if no one is signed in.
    pub name: String,
    pub email: String,
    pub permissions: Permissions,
    pub theme: Theme,
    /// Undelivered events, counted up to 1,000; `None` if the reader may not see them, or if the
    /// database can't be read.
    pub undelivered: Option<i64>,
    /// A problem of the whole portal, if there is one.
    pub banner: Option<Banner>,
}

/// Problems of the whole portal, shown above every page while they last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Banner {
    pub lines: Vec<BannerLine>,
    /// Deliveries are delayed. Otherwise the banner is less prominent.
    pub is_urgent: bool,
    /// Link to details, for readers with the permission.
    pub more: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BannerLine {
    pub what: String,
    pub since: Option<Timestamp>,
    /// What to do.
    pub next: String,
}

/// The sealed token for the forms of the page that is being rendered. Provided by the server.
#[derive(Clone, Debug, Default)]
pub struct FormToken(pub String);

/// What became of a form that was kept while its user was signed out. A form of this user is shown
/// again, which is a redirect and needs no words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resumed {
    /// The browser is on its way to the form.
    Shown,
    /// The form belongs to another user.
    Another,
    /// It was kept too long ago, or by another browser.
    Gone,
}

/// The sign-in form, possibly with errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInForm {
    pub email: String,
    pub errors: Invalid,
}
