//! View data of first-run set-up.

use serde::{Deserialize, Serialize};

use crate::domain::invalid::Invalid;

/// The set-up form, possibly with errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupForm {
    pub token: String,
    pub name: String,
    pub email: String,
    pub errors: Invalid,
}
