//! View data of the search page, which is also what the command palette shows.

use serde::{Deserialize, Serialize};

/// The results, in groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub q: String,
    pub groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub title: String,
    pub items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub title: String,
    /// A few words that tell it from similar ones.
    pub about: String,
    pub does: Does,
}

/// What choosing an item does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Does {
    /// Opens this page.
    Open(String),
    /// Turns a hook on or off.
    Switch {
        id: String,
        on: bool,
    },
    SignOut,
}

impl Found {
    /// Number of items.
    pub fn count(&self) -> usize {
        self.groups.iter().map(|group| group.items.len()).sum()
    }
}
