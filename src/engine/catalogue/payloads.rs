//! What the body of each event looks like, as types: the JSON Schemas are generated from them. Doc
//! comments here are the descriptions integrators read. Only what is truly demanded is demanded:
//! ids, numbers and results are opaque strings.

use schemars::JsonSchema;

/// A customer ended their conversation while they were still in the queue.
#[derive(JsonSchema)]
#[schemars(title = "Abandoned conversation", rename_all = "camelCase")]
#[expect(dead_code, reason = "read by the schema generator only")]
pub struct ConversationAbandoned {
    /// The customer's telephone number.
    #[schemars(length(min = 1))]
    customer_phone_number: String,
    /// How long the customer waited in the queue, in seconds.
    #[schemars(range(min = 0))]
    time_in_queue: Number,
    /// When the customer left the queue (RFC 3339).
    timestamp: Moment,
    /// The name of the queue.
    queue: String,
}

/// An agent clicked dial on a new outbound call.
#[derive(JsonSchema)]
#[schemars(title = "Outbound call")]
#[expect(dead_code, reason = "read by the schema generator only")]
pub struct OutboundCallInitiated {
    /// The id of the agent who dialled.
    #[schemars(rename = "agentID", length(min = 1))]
    agent_id: String,
    /// The dialled number.
    #[schemars(rename = "targetPhoneNumber", length(min = 1))]
    target_phone_number: String,
    /// When the call was initiated (RFC 3339). The name's capital is part of the contract.
    #[schemars(rename = "Timestamp")]
    timestamp: Moment,
}

/// An agent closed a work item (task).
#[derive(JsonSchema)]
#[schemars(title = "Work item closed", rename_all = "camelCase")]
#[expect(dead_code, reason = "read by the schema generator only")]
pub struct WorkItemClosed {
    /// The id of the work item.
    #[schemars(length(min = 1))]
    id: String,
    /// The medium it came through.
    #[schemars(length(min = 1))]
    media_type: String,
    /// Whether the contact centre started the contact.
    is_outbound: bool,
    /// When the work item was created (RFC 3339).
    created_at: Moment,
    /// When the work item was closed (RFC 3339).
    closed_at: Moment,
    /// The agent who closed it.
    agent: Agent,
    /// How the customer is known on this medium, such as a telephone number.
    #[schemars(length(min = 1))]
    customer_identifier: String,
    /// The id of the customer, where the customer is known.
    #[schemars(length(min = 1))]
    customer_id: Option<String>,
    /// The id of the conversation the work item belongs to.
    #[schemars(length(min = 1))]
    primary_conversation_id: String,
    /// The completion code the agent chose.
    #[schemars(length(min = 1))]
    completion_code: Option<String>,
    /// What the agent noted.
    notes: Option<String>,
    /// How the work item ended.
    #[schemars(length(min = 1))]
    result: String,
}

/// An agent of the contact centre.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "read by the schema generator only")]
struct Agent {
    /// The id of the agent.
    #[schemars(length(min = 1))]
    id: String,
    /// The agent's name.
    name: String,
    /// The agent's e-mail address.
    email: Option<String>,
    /// The agent's telephone number.
    #[schemars(length(min = 1))]
    phone: Option<String>,
}

/// A number without a stated width: `{"type": "number"}`.
#[derive(JsonSchema)]
#[schemars(inline, transparent)]
#[expect(dead_code, reason = "read by the schema generator only")]
struct Number(serde_json::Number);

/// A time in RFC 3339.
#[derive(JsonSchema)]
#[schemars(inline, transparent, extend("format" = "date-time"))]
#[expect(dead_code, reason = "read by the schema generator only")]
struct Moment(String);
