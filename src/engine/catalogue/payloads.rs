//! The payload types of the events. A backend fills them in, and the JSON Schemas are generated
//! from them: the doc comments of types and fields are the descriptions in the schemas. The types
//! require as little as possible: ids, telephone numbers and results are opaque strings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::event::EventType;

/// The payload of one event type.
pub trait Payload: Serialize {
    const EVENT: EventType;
}

impl Payload for ConversationAbandoned {
    const EVENT: EventType = EventType::ConversationAbandoned;
}

impl Payload for OutboundCallInitiated {
    const EVENT: EventType = EventType::OutboundCallInitiated;
}

impl Payload for WorkItemClosed {
    const EVENT: EventType = EventType::WorkItemClosed;
}

/// A customer ended their conversation while they were still in the queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Abandoned conversation")]
#[serde(rename_all = "camelCase")]
pub struct ConversationAbandoned {
    /// The customer's telephone number.
    #[schemars(length(min = 1))]
    pub customer_phone_number: String,
    /// How long the customer waited in the queue, in seconds.
    #[schemars(range(min = 0))]
    pub time_in_queue: Number,
    /// When the customer left the queue (RFC 3339).
    pub timestamp: DateTime,
    /// The name of the queue.
    pub queue: String,
}

/// An agent clicked dial on a new outbound call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Outbound call")]
pub struct OutboundCallInitiated {
    /// The id of the agent who dialled.
    #[serde(rename = "agentID")]
    #[schemars(length(min = 1))]
    pub agent_id: String,
    /// The dialled number.
    #[serde(rename = "targetPhoneNumber")]
    #[schemars(length(min = 1))]
    pub target_phone_number: String,
    /// When the call was initiated (RFC 3339). The name's capital is part of the contract.
    #[serde(rename = "Timestamp")]
    pub timestamp: DateTime,
}

/// An agent closed a work item (task).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Work item closed")]
#[serde(rename_all = "camelCase")]
pub struct WorkItemClosed {
    /// The id of the work item.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The medium it came through.
    #[schemars(length(min = 1))]
    pub media_type: String,
    /// Whether the contact centre started the contact.
    pub is_outbound: bool,
    /// When the work item was created (RFC 3339).
    pub created_at: DateTime,
    /// When the work item was closed (RFC 3339).
    pub closed_at: DateTime,
    /// The agent who closed it.
    pub agent: Agent,
    /// How the customer is known on this medium, such as a telephone number.
    #[schemars(length(min = 1))]
    pub customer_identifier: String,
    /// The id of the customer, where the customer is known.
    #[schemars(length(min = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The id of the conversation the work item belongs to.
    #[schemars(length(min = 1))]
    pub primary_conversation_id: String,
    /// The completion code the agent chose.
    #[schemars(length(min = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_code: Option<String>,
    /// What the agent noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// How the work item ended.
    #[schemars(length(min = 1))]
    pub result: String,
}

/// An agent of the contact centre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Agent {
    /// The id of the agent.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The agent's name.
    pub name: String,
    /// The agent's e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The agent's telephone number.
    #[schemars(length(min = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// A number without a stated width: `{"type": "number"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Number(pub serde_json::Number);

/// A time in RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "date-time"))]
pub struct DateTime(pub String);

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::engine::catalogue::{sample, validate};

    fn round_trip<P: Payload + DeserializeOwned>() {
        let sample = sample(P::EVENT);
        let payload: P = serde_json::from_str(sample).unwrap();
        let body = serde_json::to_value(&payload).unwrap();
        assert_eq!(body, serde_json::from_str::<serde_json::Value>(sample).unwrap());
        assert_eq!(validate(P::EVENT, &body), Ok(()));
    }

    #[test]
    fn serialised_payloads_match_their_schemas() {
        round_trip::<ConversationAbandoned>();
        round_trip::<OutboundCallInitiated>();
        round_trip::<WorkItemClosed>();
    }

    #[test]
    fn absent_optional_fields_are_left_out() {
        let agent = Agent { id: "1".into(), name: "Ann".into(), email: None, phone: None };
        let written = serde_json::to_string(&agent).unwrap();
        assert_eq!(written, r#"{"id":"1","name":"Ann"}"#);
    }
}
