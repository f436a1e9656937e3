//! What this program sends, where the rest is what can be sent to it: one webhook for each event.

use serde_json::{Map, Value, json};

use crate::{
    domain::{event::EventType, wire::HEADERS},
    engine::catalogue::{self, Draft},
};

/// Every webhook, by the key of its event.
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
    let one = |event: &EventType| (event.key().to_owned(), json!({"post": sent(*event, &headers)}));
    EventType::ALL.iter().map(one).collect::<Map<_, _>>().into()
}

fn sent(event: EventType, headers: &[Value]) -> Value {
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
        // A receiver asks us for a key and a signature, not for our token.
        "security": [],
        "responses": {
            "2XX": {"description": "Accepted. The event is not sent again."},
            "410": {"description": "Gone: the hook is switched off."},
            "default": {"description": "Failed. Retried by the hook's retry schedule. With 429 or \
                503, Retry-After may say when: nothing is sent before, and it counts as no \
                failure."},
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
