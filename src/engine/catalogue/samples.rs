//! A realistic payload for each event: shown in the portal, sent by tests, and used as `examples`
//! in the schemas.

pub const ABANDONED: &str = r#"{
  "customerPhoneNumber": "+123456789",
  "timeInQueue": 42.5,
  "timestamp": "2022-03-08T07:41:47.6052457Z",
  "queue": "Support"
}"#;

pub const OUTBOUND: &str = r#"{
  "agentID": "638858857ff57ad8637a7528",
  "targetPhoneNumber": "+123456789",
  "Timestamp": "2022-03-08T07:39:47.6052457Z"
}"#;

pub const CLOSED: &str = r#"{
  "id": "ff34b1fb68cd4f7f9921e70c08fab7a7",
  "mediaType": "Webchat",
  "isOutbound": true,
  "createdAt": "2022-03-08T07:39:47.6052457Z",
  "closedAt": "2022-03-08T07:41:47.6052457Z",
  "agent": {
    "id": "638858857ff57ad8637a7528",
    "name": "Agent John",
    "email": "john@agent.com",
    "phone": "+123456789"
  },
  "customerIdentifier": "+123456789",
  "customerId": "6d820576a3864160a715312b4e9ac376",
  "primaryConversationId": "48fad19d15104c8fbd7344853f35019e",
  "completionCode": "Success",
  "notes": "Job well done",
  "result": "Handled"
}"#;
