//! The API's description of itself, and of what it calls.

use std::sync::LazyLock;

use axum::Json;
use serde_json::{Value, json};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

use super::{deliveries, event_types, events, hooks, jobs, once, shape, try_now};
use crate::{
    domain::{event::EventType, wire::HEADERS},
    engine::catalogue::{self, Draft},
    server::api::problem::{Problem, ProblemField},
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Service Hooks", description = "Emit events, configure hooks, look at deliveries."),
    paths(
        events::emit, events::find, event_types::list, event_types::schema, hooks::list, hooks::create, hooks::find,
        hooks::update, hooks::delete, hooks::test, deliveries::list, deliveries::find, deliveries::redeliver,
        try_now::hook, jobs::recover, jobs::redeliver, jobs::list, jobs::find, jobs::update,
    ),
    components(schemas(
        Problem, ProblemField, shape::HookShape, shape::DeliveryShape, shape::AttemptShape, shape::EventShape, jobs::JobShape,
        try_now::TryNowShape,
    )),
    modifiers(&Bearer),
    security(("token" = [])),
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_with(Default::default);
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

pub async fn document() -> Json<&'static Value> {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let mut document = serde_json::to_value(Description::openapi()).unwrap_or_default();
        document["webhooks"] = webhooks();
        keyed(&mut document);
        document
    });
    Json(&DOCUMENT)
}

/// Every POST takes an `Idempotency-Key`.
fn keyed(document: &mut Value) {
    let parameter = json!({"name": "Idempotency-Key", "in": "header", "required": false,
        "schema": {"type": "string", "maxLength": once::LONGEST_KEY},
        "description": "A request that is repeated with the same key and body within 48 hours is carried out once and gets \
                        the first answer again. With another body: 422. While the first one is being carried out: 409."});
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for operation in paths.values_mut().filter_map(|path| path.get_mut("post")) {
        let parameters = operation.as_object_mut().map(|members| members.entry("parameters").or_insert(json!([])));
        let Some(parameters) = parameters.and_then(Value::as_array_mut) else { continue };
        parameters.retain(|known| known["name"] != parameter["name"]);
        parameters.push(parameter.clone());
    }
}

/// What this program calls, where the rest is what can be called: one webhook for each event.
fn webhooks() -> Value {
    let parameters: Vec<Value> = HEADERS
        .iter()
        .filter(|header| header.name != "content-type")
        .map(|header| {
            json!({"name": header.name, "in": "header", "required": !header.only_tests, "description": header.meaning,
                   "schema": {"type": "string"}, "example": header.example})
        })
        .collect();
    let webhook = |event: &EventType| {
        let body = json!({"application/json": {"schema": catalogue::schema(*event, Draft::Draft2020)}});
        let operation = json!({
            "summary": event.name(), "description": format!("Sent when {}.", event.when()), "parameters": parameters,
            "requestBody": {"required": true, "content": body},
            // What a receiver asks of us is a key and a signature, not our token.
            "security": [],
            "responses": {
                "2XX": {"description": "Accepted; nothing more is sent for this event."},
                "410": {"description": "Gone for good: the hook is switched off."},
                "default": {"description": "Tried again by the hook's retry plan. 429 and 503 may say when in Retry-After: until then nothing is sent, and it counts as no failure."},
            },
        });
        (event.key().to_owned(), json!({"post": operation}))
    };
    EventType::ALL.iter().map(webhook).collect::<serde_json::Map<_, _>>().into()
}
