//! The query of the hook list, in its URL: text, status, order, page.

use serde::{Deserialize, Serialize};

use super::{address::address, hook_status::HookStatus};

/// The path of the list.
pub const HOOKS: &str = "/integration/hooks";

/// Filter by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    #[default]
    All,
    /// Hooks that need attention.
    Failing,
    /// Event types without a hook.
    NotSetUp,
    Only(HookStatus),
}

impl Status {
    /// The options, in the order of the selection.
    pub fn all() -> Vec<Self> {
        let statuses = HookStatus::ALL.iter().map(|status| Self::Only(*status));
        [Self::All, Self::Failing].into_iter().chain(statuses).chain([Self::NotSetUp]).collect()
    }

    pub fn key(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Failing => "failing",
            Self::NotSetUp => "not-set-up",
            Self::Only(status) => status.key(),
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Failing => "Failing",
            Self::NotSetUp => "Not set up",
            Self::Only(status) => status.word(),
        }
    }

    pub fn matches(self, status: HookStatus) -> bool {
        match self {
            Self::All => true,
            Self::Failing => status.is_failing(),
            Self::NotSetUp => false,
            Self::Only(only) => only == status,
        }
    }
}

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sort {
    /// By event type, then oldest first.
    #[default]
    Event,
    Name,
    /// Worst first.
    Status,
    /// Most recent success first.
    Last,
    /// Lowest success rate first.
    Rate,
    /// Longest response time first.
    Slow,
}

impl Sort {
    pub const ALL: &[Self] =
        &[Self::Event, Self::Name, Self::Status, Self::Last, Self::Rate, Self::Slow];

    pub fn key(self) -> &'static str {
        match self {
            Self::Event => "",
            Self::Name => "name",
            Self::Status => "condition",
            Self::Last => "last",
            Self::Rate => "rate",
            Self::Slow => "slow",
        }
    }
}

/// Search, filter, order and page of the hook list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookQuery {
    pub text: String,
    pub status: Status,
    pub sort: Sort,
    /// Counted from 1; 0 is 1 as well.
    pub page: usize,
}

impl HookQuery {
    /// Parses the URL's parameters. Invalid values become defaults.
    pub fn parse(text: &str, status: &str, sort: &str, page: &str) -> Self {
        Self {
            text: text.trim().chars().take(200).collect(),
            status: Status::all()
                .into_iter()
                .find(|known| known.key() == status)
                .unwrap_or_default(),
            sort: Sort::ALL.iter().copied().find(|known| known.key() == sort).unwrap_or_default(),
            page: page.parse().unwrap_or(1),
        }
    }

    /// Is there a filter?
    pub fn is_filtered(&self) -> bool {
        !self.text.is_empty() || self.status != Status::All
    }

    pub fn address(&self) -> String {
        let page = if self.page > 1 { self.page.to_string() } else { String::new() };
        let query = [
            ("q", self.text.as_str()),
            ("status", self.status.key()),
            ("sort", self.sort.key()),
            ("page", &page),
        ];
        address(HOOKS, &query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_holds_the_query_and_no_defaults() {
        assert_eq!(HookQuery::default().address(), HOOKS);
        let query = HookQuery::parse(" crm & co ", "failing", "last", "3");
        assert_eq!(
            query.address(),
            "/integration/hooks?q=crm+%26+co&status=failing&sort=last&page=3"
        );
        for invalid in ["x", "-1", ""] {
            assert_eq!(HookQuery::parse("", invalid, invalid, invalid).address(), HOOKS);
        }
    }

    #[test]
    fn every_status_has_a_unique_key() {
        let mut keys: Vec<_> = Status::all().into_iter().map(Status::key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), Status::all().len());
    }
}
