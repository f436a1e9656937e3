//! Signing in, and the frame of every page: what the pages show.

use serde::{Deserialize, Serialize};

use crate::domain::{
    invalid::Invalid, permission::Permissions, preferences::Theme, time::Timestamp,
};

/// A sentence for the next page: what was just done, or what to look out for.
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

/// What surrounds a page: who is signed in and what they may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Empty when nobody is signed in.
    pub name: String,
    pub email: String,
    pub permissions: Permissions,
    pub theme: Theme,
    /// What is wrong with the whole portal, if anything is.
    pub banner: Option<Banner>,
}

/// What is wrong with the whole portal. Said above every page for as long as it is so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Banner {
    pub lines: Vec<BannerLine>,
    /// Deliveries are held up; what is not urgent is said more quietly.
    pub is_urgent: bool,
    /// Where more is told, for whoever may see it.
    pub more: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BannerLine {
    pub what: String,
    pub since: Option<Timestamp>,
    /// What to do.
    pub next: String,
}

/// The sign-in form, perhaps shown again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInForm {
    pub email: String,
    pub errors: Invalid,
}
