//! View data of the security part of the account page.

use serde::{Deserialize, Serialize};

use crate::domain::{invalid::Invalid, permission::Permissions, time::Timestamp};

/// Password, sessions and API tokens of the reader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    pub sessions: Vec<SessionRow>,
    /// Errors of the password form. What was typed is not kept.
    pub password_errors: Invalid,
    pub tokens: Vec<TokenRow>,
    pub token_form: TokenForm,
    /// The token that was just created. It is shown once.
    pub new_token: Option<NewToken>,
}

/// One of the reader's own API tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    pub id: String,
    pub name: String,
    /// The first characters of the token.
    pub prefix: String,
    pub permissions: Permissions,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

/// The form of a new token, possibly with errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenForm {
    pub token_name: String,
    /// Keys of permissions.
    pub chosen: Vec<String>,
    pub days: String,
    pub token_errors: Invalid,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    pub new_token_name: String,
    pub secret: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    pub id: String,
    /// "Firefox on Windows".
    pub device: String,
    /// Empty if unknown.
    pub address: String,
    pub signed_in: Timestamp,
    pub last_used: Timestamp,
    /// The session of the reader's own browser.
    pub is_current: bool,
}
