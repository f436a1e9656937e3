//! The `webhooks` of `openapi.json`: the requests that this program sends, one per event type.

use serde_json::{Map, Value, json};

use crate::{
    domain::{event::EventType, wire::HEADERS},
    engine::catalogue::{self, Draft},
};

/// All webhooks by event key.
pub fn all() -> Value {
    let headers: Vec<Value> = HEADERS
        .iter()
        .filter(|header| header.name != "content-type")
        .map(|header| {
            json!({
                "name": header.name,
                "in": "header",
                "required": !header.only_tests,
                "description": header.meaning,
                "schema": {"type": "string"},
                "example": header.example,
            })
        })
        .collect();
    let webhook =
        |event: &EventType| (event.key().to_owned(), json!({"post": operation(*event, &headers)}));
    EventType::ALL.iter().map(webhook).collect::<Map<_, _>>().into()
}

fn operation(event: EventType, headers: &[Value]) -> Value {
    let schema = catalogue::schema(event, Draft::Draft2020);
    json!({
        "operationId": operation_id(event.key()),
        "tags": ["Webhooks"],
        "summary": event.name(),
        "description": format!("Sent when {}.", event.when()),
        "parameters": headers,
        "requestBody": {
            "description": "The payload of the event.",
            "required": true,
            "content": {"application/json": {"schema": schema}},
        },
        // Deliveries carry the hook's API key and a signature, no bearer token.
        "security": [],
        "responses": {
            "2XX": {"description": "Accepted. The event is not sent again."},
            "410": {"description": "Gone: the hook is turned off."},
            "default": {"description": "Failed. Retried with the hook's retry schedule. After 429 \
                                        or 503 with Retry-After, nothing is sent before that time, \
                                        and the response doesn't count as a failure."},
        },
    })
}

/// `receiveWorkItemClosed` for `work_item.closed`.
fn operation_id(key: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    let words: String = key.split(['.', '_']).map(word).collect::<Vec<String>>().concat();
    format!("receive{words}")
}
