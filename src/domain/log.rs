//! The filters of the list of deliveries: their options, labels and URL parameters. The server
//! resolves them (names, relative times) to a search.

use serde::{Deserialize, Serialize};

use super::{address::address, delivery::State};

/// An option of the state filter: one state, or several that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub key: &'static str,
    pub word: &'static str,
    pub states: &'static [State],
    /// `Some(true)`: only tests. `Some(false)`: no tests. `None`: both.
    pub tests: Option<bool>,
}

const fn outcome(key: &'static str, word: &'static str, states: &'static [State]) -> Outcome {
    Outcome { key, word, states, tests: None }
}

/// All options of the state filter.
pub const OUTCOMES: &[Outcome] = &[
    outcome("delivered", "Delivered", &[State::Delivered]),
    outcome(
        "open",
        "Open (pending, waiting or held)",
        &[State::Pending, State::Waiting, State::Held],
    ),
    Outcome {
        tests: Some(false),
        ..outcome(
            "undelivered",
            "Undelivered (failed or skipped)",
            &[State::Failed, State::Skipped],
        )
    },
    outcome("trouble", "Failed or held", &[State::Failed, State::Held]),
    outcome("failed", "Failed", &[State::Failed]),
    outcome("skipped", "Skipped (hook off or queue full)", &[State::Skipped]),
    outcome("waiting", "Waiting for a retry", &[State::Waiting]),
    outcome("held", "Held", &[State::Held]),
    outcome("pending", "Pending", &[State::Pending]),
    outcome("cancelled", "Cancelled", &[State::Cancelled]),
    Outcome { tests: Some(true), ..outcome("test", "Tests", &[]) },
];

impl Outcome {
    pub fn from_key(key: &str) -> Option<Self> {
        OUTCOMES.iter().copied().find(|outcome| outcome.key == key)
    }
}

/// A time range that ends now: key, label and length in seconds. A saved view or a bookmark with it
/// always shows the latest deliveries.
pub const RECENT: &[(&str, &str, u64)] = &[
    ("15m", "Last 15 minutes", 900),
    ("1h", "Last hour", HOUR),
    ("24h", "Last 24 hours", 24 * HOUR),
    ("7d", "Last 7 days", 7 * 24 * HOUR),
    ("30d", "Last 30 days", 30 * 24 * HOUR),
];
const HOUR: u64 = 3600;

/// The range of [`RECENT`] with this key.
pub fn recent(key: &str) -> Option<(&'static str, std::time::Duration)> {
    let found = RECENT.iter().find(|(known, ..)| *known == key)?;
    Some((found.1, std::time::Duration::from_secs(found.2)))
}

/// Choices of rows on a page of the list.
pub const PAGE_SIZES: &[u32] = &[25, 50, 100, 200];
/// Rows on a page unless the reader chose another number.
pub const PAGE_SIZE: u32 = 50;

macro_rules! answers {
    ($($variant:ident = $key:literal, $word:literal, [$($class:literal),*];)+) => {
        /// An option of the result filter: one or several classes of
        /// [`Answer`](super::delivery::Answer).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum AnswerGroup { $(#[serde(rename = $key)] $variant),+ }

        impl AnswerGroup {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Its classes in the database; empty for deliveries without an attempt.
            pub fn classes(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($class),*]),+ }
            }
        }
    };
}

answers! {
    Success = "2xx", "2xx success", ["success"];
    Redirect = "3xx", "3xx redirect", ["redirect"];
    ClientError = "4xx", "4xx client error", ["client_error", "gone", "throttled"];
    ServerError = "5xx", "5xx server error", ["server_error"];
    Timeout = "timeout", "Timed out", ["timeout"];
    Connect = "connect", "Connection failed", ["connect"];
    Tls = "tls", "TLS failed", ["tls"];
    Dns = "dns", "DNS failed", ["dns"];
    AddressBlocked = "refused", "Address not allowed", ["address_refused"];
    InvalidResponse = "odd", "Invalid response", ["broken_answer", "unexpected_status"];
    LocalFailure = "own", "Not sent (server problem)", ["own_trouble"];
    NoAttempt = "none", "No attempts", [];
}

impl AnswerGroup {
    /// By its own key or by a class in it: links may contain either.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|group| group.key() == key || group.classes().contains(&key))
    }

    /// The group of a stored class; `None`: no attempt.
    pub fn of(class: Option<&str>) -> Self {
        let Some(class) = class else { return Self::NoAttempt };
        Self::ALL
            .iter()
            .copied()
            .find(|group| group.classes().contains(&class))
            .unwrap_or(Self::InvalidResponse)
    }

    /// All classes, and `None` for deliveries without an attempt.
    pub fn all_classes() -> impl Iterator<Item = Option<&'static str>> {
        Self::ALL.iter().flat_map(|group| group.classes()).copied().map(Some).chain([None])
    }

    /// Its classes as stored; `None` stands for deliveries without an attempt.
    pub fn stored(self) -> impl Iterator<Item = Option<&'static str>> {
        let never = (self == Self::NoAttempt).then_some(None);
        self.classes().iter().copied().map(Some).chain(never)
    }
}

/// The URL parameters of the list of deliveries, as typed. Empty: no filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogQuery {
    pub hook: String,
    pub state: String,
    pub answer: String,
    pub event: String,
    pub event_type: String,
    pub from: String,
    pub to: String,
    /// Key of a range that ends now, see [`RECENT`]. `from` and `to` take precedence.
    pub last: String,
    /// Time zone of `from` and `to`, unless they contain one.
    pub zone: String,
    pub text: String,
    /// Rows on a page, one of [`PAGE_SIZES`]; empty: [`PAGE_SIZE`].
    pub rows: String,
    /// Keyset pagination: deliveries older or newer than this one.
    pub before: String,
    pub after: String,
}

impl LogQuery {
    /// Reads each parameter by its name, which is also the name of its form control.
    pub fn read(get: impl Fn(&str) -> String) -> Self {
        let mut query = Self::default();
        for (name, value) in query.slots() {
            *value = get(name);
        }
        query
    }

    fn slots(&mut self) -> [(&'static str, &mut String); 13] {
        [
            ("hook", &mut self.hook),
            ("state", &mut self.state),
            ("answer", &mut self.answer),
            ("event", &mut self.event),
            ("event_type", &mut self.event_type),
            ("from", &mut self.from),
            ("to", &mut self.to),
            ("last", &mut self.last),
            ("zone", &mut self.zone),
            ("text", &mut self.text),
            ("rows", &mut self.rows),
            ("before", &mut self.before),
            ("after", &mut self.after),
        ]
    }

    /// The URL of this query: `path` and the parameters that are not empty.
    pub fn address(&self, path: &str) -> String {
        let mut all = self.clone();
        address(path, &all.slots().map(|(name, value)| (name, value.as_str())))
    }

    /// The query with one parameter replaced, from the newest page on.
    #[must_use]
    pub fn with(&self, name: &str, new_value: &str) -> Self {
        let mut query = self.at("", "");
        for (known, value) in query.slots() {
            if known == name {
                new_value.clone_into(value);
            }
        }
        query
    }

    /// The same filter at another page.
    #[must_use]
    pub fn at(&self, before: &str, after: &str) -> Self {
        Self { before: before.to_owned(), after: after.to_owned(), ..self.clone() }
    }

    /// Is there no filter? `ignore_hook`: the page is a hook's own, whose filter doesn't count.
    pub fn is_plain(&self, ignore_hook: bool) -> bool {
        let hook = if ignore_hook { self.hook.clone() } else { String::new() };
        let (zone, rows) = (self.zone.clone(), self.rows.clone());
        self.at("", "") == Self { hook, zone, rows, ..Self::default() }
    }

    /// The parameters that are not empty, without the place of the page.
    pub fn filters(&self) -> Vec<(&'static str, String)> {
        let mut all = self.at("", "");
        let named = all.slots().map(|(name, value)| (name, value.clone()));
        named.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// Rows on a page.
    pub fn page_size(&self) -> u32 {
        let asked = self.rows.parse().ok();
        asked.filter(|rows| PAGE_SIZES.contains(rows)).unwrap_or(PAGE_SIZE)
    }

    /// Reads the query string of an address.
    pub fn parse(query: &str) -> Self {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.trim_start_matches('?').as_bytes())
                .into_owned()
                .collect();
        Self::read(|name| {
            let found = pairs.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::Answer;

    #[test]
    fn every_class_is_in_exactly_one_group() {
        let statuses = (100..1000).map(Answer::Status);
        let others = [
            Answer::Timeout,
            Answer::ConnectFailed,
            Answer::TlsFailed,
            Answer::DnsFailed,
            Answer::AddressRefused,
            Answer::InvalidResponse,
            Answer::LocalFailure,
        ];
        for answer in statuses.chain(others) {
            let class = answer.class();
            let groups =
                AnswerGroup::ALL.iter().filter(|group| group.classes().contains(&class)).count();
            assert_eq!(groups, 1, "{answer:?}");
            assert!(AnswerGroup::all_classes().any(|known| known == Some(class)));
        }
        assert_eq!(AnswerGroup::of(None), AnswerGroup::NoAttempt);
        assert_eq!(AnswerGroup::NoAttempt.stored().collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn every_state_has_a_filter_option() {
        for state in State::ALL {
            assert_eq!(
                Outcome::from_key(state.key()).map(|outcome| outcome.states),
                Some(&[*state][..])
            );
        }
    }

    #[test]
    fn a_url_holds_exactly_the_parameters_of_a_query() {
        let query = LogQuery {
            state: "failed".into(),
            text: "a&b é".into(),
            before: "x".into(),
            ..Default::default()
        };
        assert_eq!(query.address("/d"), "/d?state=failed&text=a%26b+%C3%A9&before=x");
        assert_eq!(query.with("text", "").address("/d"), "/d?state=failed");
        assert_eq!(LogQuery::default().address("/d"), "/d");
        assert!(query.at("", "y").with("state", "").with("text", "").is_plain(false));
        assert!(!query.is_plain(false));
        assert_eq!(LogQuery::parse(query.address("").as_str()), query);
        assert_eq!(LogQuery::parse("?x=1&rows=100&rows=25").page_size(), 100);
        assert_eq!(LogQuery::parse("rows=1000000").page_size(), PAGE_SIZE);
        assert!(LogQuery::parse("rows=25").is_plain(false));
    }
}
