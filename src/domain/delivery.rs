//! A delivery: one event for one hook. Its state is stored, never derived. Every attempt ends in an
//! [`Answer`].

use serde::{Deserialize, Serialize};

use super::{
    event::EventType,
    id::{DeliveryId, EventId, HookId},
    time::Timestamp,
};

macro_rules! states {
    ($($variant:ident = $key:literal, $word:literal;)+) => {
        /// The state of a delivery.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum State { $($variant),+ }

        impl State {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in the database and the API.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            /// The name on pages.
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
    /// No further attempts, unless someone redelivers it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Skipped | Self::Cancelled)
    }
}

/// The result of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The HTTP status of the response.
    Status(u16),
    Timeout,
    ConnectFailed,
    TlsFailed,
    DnsFailed,
    /// The SSRF guard blocks the address or URL.
    AddressRefused,
    /// The response was not HTTP, or incomplete.
    #[serde(rename = "broken_answer")]
    InvalidResponse,
    /// Nothing was sent: this machine lacks descriptors, memory, ports or name servers. It
    /// says nothing about the receiver.
    #[serde(rename = "own_trouble")]
    LocalFailure,
}

impl Answer {
    /// The class in the database and the API.
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
            Self::InvalidResponse => "broken_answer",
            Self::LocalFailure => "own_trouble",
        }
    }

    /// Results without a status. Complete: [`Self::from_stored`] reads stored classes with it.
    const UNANSWERED: &[Self] = &[
        Self::Timeout,
        Self::ConnectFailed,
        Self::TlsFailed,
        Self::DnsFailed,
        Self::AddressRefused,
        Self::InvalidResponse,
        Self::LocalFailure,
    ];

    /// All classes.
    pub fn classes() -> impl Iterator<Item = &'static str> {
        let statuses = [200, 300, 400, 410, 429, 500, 600].map(Self::Status);
        statuses.into_iter().chain(Self::UNANSWERED.iter().copied()).map(Self::class)
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

    /// A problem of this machine: it doesn't count against the receiver or the retry schedule.
    pub fn is_ours(self) -> bool {
        self == Self::LocalFailure
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
            Self::ConnectFailed => "connection failed".to_owned(),
            Self::TlsFailed => "TLS failed".to_owned(),
            Self::DnsFailed => "DNS failed".to_owned(),
            Self::AddressRefused => "address not allowed".to_owned(),
            Self::InvalidResponse => "invalid response".to_owned(),
            Self::LocalFailure => "not sent".to_owned(),
        }
    }
}

/// A delivery, without its attempts.
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
    /// When the next attempt is due. `None` in final states, and while it is held.
    pub due_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The phases of an attempt in microseconds. `None`: the attempt did not get that far, or (for the
/// first three) it reused a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    pub dns: Option<i64>,
    pub connect: Option<i64>,
    pub tls: Option<i64>,
    /// From the connection to the response's status and headers.
    pub first_byte: Option<i64>,
    pub body: Option<i64>,
}

impl Timing {
    /// The phases with their names, in order.
    pub fn parts(&self) -> [(&'static str, Option<i64>); 5] {
        [
            ("DNS", self.dns),
            ("Connect", self.connect),
            ("TLS", self.tls),
            ("First byte", self.first_byte),
            ("Body", self.body),
        ]
    }

    /// The request reused an open connection.
    pub fn is_reused(&self) -> bool {
        self.connect.is_none() && self.dns.is_none() && self.first_byte.is_some()
    }
}

/// A stored attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub started_at: Timestamp,
    /// Until the receiver responded with a status, or until the attempt failed.
    pub duration_ms: i64,
    pub answer: Answer,
    /// Details of a failure, without secrets. The only IP address in it is one that was blocked.
    pub detail: Option<String>,
    pub url: String,
    pub response_headers: Vec<(String, String)>,
    /// At most 16 KiB, as text.
    pub response_body: String,
    /// The response was longer than what is stored.
    pub response_cut: bool,
    pub timing: Timing,
    /// The IP address and port of the connection.
    pub address: Option<String>,
}

impl Attempt {
    /// The attempt without data from the receiver or the network, to store if the database rejects
    /// a value in it. `None` if there is nothing to remove.
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
    fn answers_round_trip_through_the_store() {
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
            Answer::InvalidResponse,
            Answer::LocalFailure,
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
