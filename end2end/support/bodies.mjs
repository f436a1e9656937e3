// Bodies as a producer may write them. Parsing and serialising one again changes its bytes.

export const WORK_ITEM = `{ "id": "ff34b1fb68cd4f7f9921e70c08fab7a7", "mediaType": "Webchat",
  "isOutbound": true,
  "createdAt": "2022-03-08T07:39:47.6052457Z", "closedAt": "2022-03-08T07:41:47.6052457Z",
  "agent": { "id": "638858857ff57ad8637a7528", "name": "Agent John",
    "email": "john@agent.com", "phone": "+123456789" },
  "customerIdentifier": "+123456789", "customerId": "6d820576a3864160a715312b4e9ac376",
  "primaryConversationId": "48fad19d15104c8fbd7344853f35019e", "completionCode": "Success",
  "notes": "Job well done \\u2013 caf\\u00e9, café", "result": "Handled",
  "extra": [1.50, 1e2, 12345678901234567890] }`;

export const ABANDONED = `{"timestamp":"2022-03-08T07:39:47.6052457Z","queue":"Vertrieb \\/ Süd",
"timeInQueue":12.50,
\t"customerPhoneNumber":"+123456789"}`;

export const OUTBOUND = `{"agentID": "638858857ff57ad8637a7528",  "targetPhoneNumber":
  "+123456789", "Timestamp": "2022-03-08T07:39:47.6052457Z"}`;
