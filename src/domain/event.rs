//! The three events a hook can listen to: their keys, names and words. What their bodies must look
//! like is the engine's catalogue.

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

    /// The key on the wire and in the store.
    pub fn key(self) -> &'static str {
        match self {
            Self::ConversationAbandoned => "conversation.abandoned",
            Self::OutboundCallInitiated => "outbound_call.initiated",
            Self::WorkItemClosed => "work_item.closed",
        }
    }

    /// The name people see.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConversationAbandoned => "Abandoned conversation",
            Self::OutboundCallInitiated => "Outbound call",
            Self::WorkItemClosed => "Work item closed",
        }
    }

    /// When it is sent, as a clause after "Sent when".
    pub fn when(self) -> &'static str {
        match self {
            Self::ConversationAbandoned => {
                "a customer ends their conversation while they are still in the queue"
            }
            Self::OutboundCallInitiated => {
                "an agent clicks new outbound call, selects a channel, gives the number to dial, \
                 then clicks dial"
            }
            Self::WorkItemClosed => "an agent closes a work item (task)",
        }
    }

    /// When it is not sent although one might think so, as a sentence.
    pub fn when_not(self) -> &'static str {
        match self {
            Self::ConversationAbandoned => {
                "Not sent once an agent has taken the conversation, whoever ends it then, nor when \
                 it was never in a queue."
            }
            Self::OutboundCallInitiated => {
                "Not sent when the agent leaves before clicking dial, nor for calls that come in. \
                 It does not say that anybody answered."
            }
            Self::WorkItemClosed => {
                "Not sent while the work item is open, whatever else happens to it."
            }
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| event.key() == key)
    }

    /// For error messages: what could have been meant.
    pub fn known_keys() -> String {
        Self::ALL.iter().map(|event| event.key()).collect::<Vec<_>>().join(", ")
    }
}

impl std::fmt::Display for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key())
    }
}
