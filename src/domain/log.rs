//! The log of deliveries as people ask for it: what may be filtered by, the words for it, and the
//! address that says it all. Pure: what an address means at a moment is worked out by the server.

use serde::{Deserialize, Serialize};

use super::{address::address, delivery::State};

/// Where deliveries stand, as people ask for it: a state, or several that mean the same to whoever
/// asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub key: &'static str,
    pub word: &'static str,
    pub states: &'static [State],
    /// Only tests, or none; either when it does not matter.
    pub tests: Option<bool>,
}

const fn outcome(key: &'static str, word: &'static str, states: &'static [State]) -> Outcome {
    Outcome { key, word, states, tests: None }
}

/// Every outcome there is to choose from.
pub const OUTCOMES: &[Outcome] = &[
    outcome("delivered", "Delivered", &[State::Delivered]),
    outcome(
        "open",
        "On its way (pending, waiting or held)",
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
    outcome("failed", "Failed", &[State::Failed]),
    outcome("skipped", "Skipped (hook off or its queue full)", &[State::Skipped]),
    outcome("waiting", "Waiting for another attempt", &[State::Waiting]),
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

macro_rules! answers {
    ($($variant:ident = $key:literal, $word:literal, [$($class:literal),*];)+) => {
        /// What was answered last, as people ask for it: one or several classes of
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

            /// The classes it stands for, as stored; none of them for what was never tried.
            pub fn classes(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($class),*]),+ }
            }
        }
    };
}

answers! {
    Success = "2xx", "2xx accepted", ["success"];
    Redirect = "3xx", "3xx redirect", ["redirect"];
    Refused = "4xx", "4xx refused", ["client_error", "gone", "throttled"];
    Broken = "5xx", "5xx receiver failed", ["server_error"];
    Timeout = "timeout", "Timed out", ["timeout"];
    Connect = "connect", "No connection", ["connect"];
    Tls = "tls", "TLS failed", ["tls"];
    Dns = "dns", "DNS failed", ["dns"];
    NotDialled = "refused", "Address refused", ["address_refused"];
    Odd = "odd", "No proper answer", ["broken_answer", "unexpected_status"];
    Own = "own", "Not sent: our own trouble", ["own_trouble"];
    Never = "none", "Never tried", [];
}

impl AnswerGroup {
    /// By its own key or by that of a class in it, so that a link may name either.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|group| group.key() == key || group.classes().contains(&key))
    }

    /// The group of a stored class; without one nothing was ever tried.
    pub fn of(class: Option<&str>) -> Self {
        let Some(class) = class else { return Self::Never };
        Self::ALL
            .iter()
            .copied()
            .find(|group| group.classes().contains(&class))
            .unwrap_or(Self::Odd)
    }

    /// Every class there is, and `None` for what was never tried.
    pub fn all_classes() -> impl Iterator<Item = Option<&'static str>> {
        Self::ALL.iter().flat_map(|group| group.classes()).copied().map(Some).chain([None])
    }

    /// Its classes, and `None` for what was never tried.
    pub fn stored(self) -> impl Iterator<Item = Option<&'static str>> {
        let never = (self == Self::Never).then_some(None);
        self.classes().iter().copied().map(Some).chain(never)
    }
}

/// A page of the log as its address says it. Everything is as typed; empty means that it does not
/// matter.
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
    /// Of times that do not say it themselves.
    pub zone: String,
    pub text: String,
    /// Older than this delivery, or newer.
    pub before: String,
    pub after: String,
}

impl LogQuery {
    /// By the names of the controls and of the parameters in the address.
    pub fn read(get: impl Fn(&str) -> String) -> Self {
        let mut query = Self::default();
        for (name, value) in query.slots() {
            *value = get(name);
        }
        query
    }

    fn slots(&mut self) -> [(&'static str, &mut String); 11] {
        [
            ("hook", &mut self.hook),
            ("state", &mut self.state),
            ("answer", &mut self.answer),
            ("event", &mut self.event),
            ("event_type", &mut self.event_type),
            ("from", &mut self.from),
            ("to", &mut self.to),
            ("zone", &mut self.zone),
            ("text", &mut self.text),
            ("before", &mut self.before),
            ("after", &mut self.after),
        ]
    }

    /// The address that says this: `path`, and after it whatever is not empty.
    pub fn address(&self, path: &str) -> String {
        let mut all = self.clone();
        address(path, &all.slots().map(|(name, value)| (name, value.as_str())))
    }

    /// The same filter, but for one part of it, from its newest page on.
    #[must_use]
    pub fn with(&self, name: &str, wanted: &str) -> Self {
        let mut query = self.at("", "");
        for (known, value) in query.slots() {
            if known == name {
                wanted.clone_into(value);
            }
        }
        query
    }

    /// The same filter at another place in the log.
    #[must_use]
    pub fn at(&self, before: &str, after: &str) -> Self {
        Self { before: before.to_owned(), after: after.to_owned(), ..self.clone() }
    }

    /// Nothing is filtered by, wherever in the log it is. (The hook may be the page's own.)
    pub fn is_plain(&self, but_hook: bool) -> bool {
        let hook = if but_hook { self.hook.clone() } else { String::new() };
        self.at("", "") == Self { hook, zone: self.zone.clone(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::Answer;

    #[test]
    fn every_answer_is_in_exactly_one_group() {
        let statuses = (100..1000).map(Answer::Status);
        let others = [
            Answer::Timeout,
            Answer::ConnectFailed,
            Answer::TlsFailed,
            Answer::DnsFailed,
            Answer::AddressRefused,
            Answer::BrokenAnswer,
            Answer::OwnTrouble,
        ];
        for answer in statuses.chain(others) {
            let class = answer.class();
            let groups =
                AnswerGroup::ALL.iter().filter(|group| group.classes().contains(&class)).count();
            assert_eq!(groups, 1, "{answer:?}");
            assert!(AnswerGroup::all_classes().any(|known| known == Some(class)));
        }
        assert_eq!(AnswerGroup::of(None), AnswerGroup::Never);
        assert_eq!(AnswerGroup::Never.stored().collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn every_state_can_be_asked_for() {
        for state in State::ALL {
            assert_eq!(
                Outcome::from_key(state.key()).map(|outcome| outcome.states),
                Some(&[*state][..])
            );
        }
    }

    #[test]
    fn an_address_says_all_of_a_query_and_nothing_else() {
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
    }
}
