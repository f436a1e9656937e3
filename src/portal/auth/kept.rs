//! The cookie that binds kept forms to the browser that posted them: see `ops::kept`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cookie::Cookie;
use crate::domain::id::DraftId;

/// The cookie. It lives as long as the forms that it belongs to.
pub const KEPT: Cookie = Cookie { name: "kept", lives: Duration::from_secs(30 * 60) };

/// Forms per browser; the oldest is dropped.
const MOST: usize = 5;

/// The content of the cookie: the kept forms, each with the secret that finds it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeptForms(Vec<(DraftId, String)>);

impl KeptForms {
    /// Adds a form.
    #[must_use]
    pub fn with(mut self, id: DraftId, secret: String) -> Self {
        self.0.insert(0, (id, secret));
        self.0.truncate(MOST);
        self
    }

    /// The secret of a form that this browser posted.
    pub fn secret_of(&self, id: DraftId) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, secret)| secret.as_str())
    }
}
