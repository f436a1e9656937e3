//! The event types: keys, names and descriptions. The engine's catalogue has their schemas.

use serde::{Deserialize, Serialize};

/// An event type of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EventType {
    #[serde(rename = "conversation.abandoned")]
    ConversationAbandoned,
    #[serde(rename = "outbound_call.initiated")]
    OutboundCallInitiated,
    #[serde(rename = "work_item.closed")]
    WorkItemClosed,
}

impl EventType {
    pub const ALL: &[Self] =
        &[Self::ConversationAbandoned, Self::OutboundCallInitiated, Self::WorkItemClosed];

    /// The key in the API, in deliveries and in the database.
    pub fn key(self) -> &'static str {
        match self {
            Self::ConversationAbandoned => "conversation.abandoned",
            Self::OutboundCallInitiated => "outbound_call.initiated",
            Self::WorkItemClosed => "work_item.closed",
        }
    }

    /// The name on pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConversationAbandoned => "Abandoned conversation",
            Self::OutboundCallInitiated => "Outbound call",
            Self::WorkItemClosed => "Work item closed",
        }
    }

    /// When it is sent: a clause that continues "Sent when".
    pub fn when(self) -> &'static str {
        match self {
            Self::ConversationAbandoned => {
                "a customer ends their conversation while they are still in the queue"
            }
            Self::OutboundCallInitiated => "an agent places an outbound call by clicking Dial",
            Self::WorkItemClosed => "an agent closes a work item (task)",
        }
    }

    /// When it is not sent, against expectations: full sentences.
    pub fn when_not(self) -> &'static str {
        match self {
            Self::ConversationAbandoned => {
                "Not sent after an agent has accepted the conversation, or if it was never in a \
                 queue."
            }
            Self::OutboundCallInitiated => {
                "Not sent for incoming calls, or if the agent leaves before clicking Dial. It \
                 doesn't indicate whether the call was answered."
            }
            Self::WorkItemClosed => "Not sent for other changes of an open work item.",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| event.key() == key)
    }

    /// All keys, for error messages.
    pub fn known_keys() -> String {
        Self::ALL.iter().map(|event| event.key()).collect::<Vec<_>>().join(", ")
    }
}

impl std::fmt::Display for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key())
    }
}
