//! Making the first administrator: what the pages show.

use serde::{Deserialize, Serialize};

use crate::domain::invalid::Invalid;

/// The set-up form, perhaps shown again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupForm {
    pub token: String,
    pub name: String,
    pub email: String,
    pub errors: Invalid,
}
