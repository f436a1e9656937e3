//! A delivery: one event on its way to one hook. Its states are stored, never inferred; every
//! attempt ends in an [`Answer`], and every answer means something a person can act on.

use serde::{Deserialize, Serialize};

use super::{
    event::EventType,
    id::{DeliveryId, EventId, HookId},
    time::Timestamp,
};

macro_rules! states {
    ($($variant:ident = $key:literal, $word:literal;)+) => {
        /// Where a delivery stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum State { $($variant),+ }

        impl State {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As stored and as the API says it.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            /// As people read it.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub fn from_key(key: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|state| state.key() == key)
            }
        }
    };
}

states! {
    Pending = "pending", "Pending";
    Waiting = "waiting", "Waiting";
    Held = "held", "Held";
    Delivered = "delivered", "Delivered";
    Failed = "failed", "Failed";
    Skipped = "skipped", "Skipped";
    Cancelled = "cancelled", "Cancelled";
}

impl State {
    /// Nothing more will be tried unless a person asks.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Skipped | Self::Cancelled)
    }
}

/// What came of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The receiver answered with this status.
    Status(u16),
    Timeout,
    ConnectFailed,
    TlsFailed,
    DnsFailed,
    /// The address or URL is one this portal does not dial.
    AddressRefused,
    /// What came back was not HTTP, or broke off.
    BrokenAnswer,
    /// Nothing was sent: this machine lacks descriptors, memory, ports or name servers. It says
    /// nothing of the receiver.
    OwnTrouble,
}

impl Answer {
    /// The class as stored and as the API says it.
    pub fn class(self) -> &'static str {
        match self {
            Self::Status(200..300) => "success",
            Self::Status(300..400) => "redirect",
            Self::Status(410) => "gone",
            Self::Status(429) => "throttled",
            Self::Status(400..500) => "client_error",
            Self::Status(500..600) => "server_error",
            Self::Status(_) => "unexpected_status",
            Self::Timeout => "timeout",
            Self::ConnectFailed => "connect",
            Self::TlsFailed => "tls",
            Self::DnsFailed => "dns",
            Self::AddressRefused => "address_refused",
            Self::BrokenAnswer => "broken_answer",
            Self::OwnTrouble => "own_trouble",
        }
    }

    /// What an attempt can end in without an answer. All of them: what is stored is read back by
    /// this list.
    const UNANSWERED: &[Self] = &[
        Self::Timeout,
        Self::ConnectFailed,
        Self::TlsFailed,
        Self::DnsFailed,
        Self::AddressRefused,
        Self::BrokenAnswer,
        Self::OwnTrouble,
    ];

    /// Every class there is.
    pub fn classes() -> impl Iterator<Item = &'static str> {
        let answered = [200, 300, 400, 410, 429, 500, 600].map(Self::Status);
        answered.into_iter().chain(Self::UNANSWERED.iter().copied()).map(Self::class)
    }

    pub fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status),
            _ => None,
        }
    }

    pub fn is_success(self) -> bool {
        matches!(self, Self::Status(200..300))
    }

    /// This machine's trouble: it counts against no receiver and uses up no schedule.
    pub fn is_ours(self) -> bool {
        self == Self::OwnTrouble
    }

    /// Reads back what [`Answer::class`] and [`Answer::status`] stored.
    pub fn from_stored(class: &str, status: Option<u16>) -> Option<Self> {
        match (status, class) {
            (Some(status), _) => Some(Self::Status(status)),
            (None, class) => {
                Self::UNANSWERED.iter().copied().find(|answer| answer.class() == class)
            }
        }
    }

    /// Short, for a table: `200`, `timed out`.
    pub fn short(self) -> String {
        match self {
            Self::Status(status) => status.to_string(),
            Self::Timeout => "timed out".to_owned(),
            Self::ConnectFailed => "no connection".to_owned(),
            Self::TlsFailed => "TLS failed".to_owned(),
            Self::DnsFailed => "DNS failed".to_owned(),
            Self::AddressRefused => "address refused".to_owned(),
            Self::BrokenAnswer => "broken answer".to_owned(),
            Self::OwnTrouble => "not sent".to_owned(),
        }
    }
}

/// A delivery as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: DeliveryId,
    pub event_id: EventId,
    pub hook_id: HookId,
    pub event_type: EventType,
    pub state: State,
    /// Why it is held, skipped or cancelled.
    pub reason: Option<String>,
    pub is_test: bool,
    pub attempts: u32,
    pub last_answer: Option<Answer>,
    pub last_duration_ms: Option<i64>,
    /// When it is tried next; none once it is final or held.
    pub due_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What an attempt spent its time on, in microseconds. `None`: it did not come to that, or (of the
/// first three) a connection was used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    pub dns: Option<i64>,
    pub connect: Option<i64>,
    pub tls: Option<i64>,
    /// From the connection to the answer's status and headers.
    pub first_byte: Option<i64>,
    pub body: Option<i64>,
}

impl Timing {
    /// Each part with its name, in the order in which they happen.
    pub fn parts(&self) -> [(&'static str, Option<i64>); 5] {
        [
            ("DNS", self.dns),
            ("Connect", self.connect),
            ("TLS", self.tls),
            ("First byte", self.first_byte),
            ("Body", self.body),
        ]
    }

    /// The request went out on a connection that was open already.
    pub fn is_reused(&self) -> bool {
        self.connect.is_none() && self.dns.is_none() && self.first_byte.is_some()
    }
}

/// One try, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub started_at: Timestamp,
    /// What the receiver needed to answer; without an answer, how long it was waited for.
    pub duration_ms: i64,
    pub answer: Answer,
    /// More about a failure, without secrets. Of addresses only one that was refused.
    pub detail: Option<String>,
    pub url: String,
    pub response_headers: Vec<(String, String)>,
    /// At most 16 KiB of what came back, as text.
    pub response_body: String,
    pub response_cut: bool,
    pub timing: Timing,
    /// The address that was reached, where one was.
    pub address: Option<String>,
}

impl Attempt {
    /// Without anything that the receiver or the network said: what is left is the outcome itself.
    /// `None` when there is nothing to leave out.
    pub fn bare(&self) -> Option<Self> {
        let bare = Self {
            detail: None,
            response_headers: Vec::new(),
            response_body: String::new(),
            address: None,
            ..self.clone()
        };
        (bare != *self).then_some(bare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_survive_the_store() {
        let answers = [
            Answer::Status(200),
            Answer::Status(302),
            Answer::Status(410),
            Answer::Status(429),
            Answer::Status(999),
            Answer::Timeout,
            Answer::ConnectFailed,
            Answer::TlsFailed,
            Answer::DnsFailed,
            Answer::AddressRefused,
            Answer::BrokenAnswer,
            Answer::OwnTrouble,
        ];
        for answer in answers {
            assert_eq!(Answer::from_stored(answer.class(), answer.status()), Some(answer));
        }
    }

    #[test]
    fn only_2xx_is_success() {
        for status in [100, 199, 300, 302, 400, 500, 999] {
            assert!(!Answer::Status(status).is_success());
        }
        assert!(Answer::Status(204).is_success());
    }
}
