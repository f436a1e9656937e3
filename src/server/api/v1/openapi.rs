//! The API's description of itself, and of what it calls.

use std::sync::LazyLock;

use axum::{http::header::CONTENT_TYPE, response::IntoResponse};
use bytes::Bytes;
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
    info(title = "Service Hooks", description = "Emit events, configure hooks, look at \
        deliveries."),
    paths(
        events::emit, events::find, event_types::list, event_types::schema, hooks::list,
            hooks::create, hooks::find,
        hooks::update, hooks::delete, hooks::test, deliveries::list, deliveries::find,
            deliveries::redeliver,
        try_now::hook, jobs::recover, jobs::redeliver, jobs::list, jobs::find, jobs::update,
    ),
    components(schemas(
        Problem, ProblemField, shape::HookShape, shape::DeliveryShape, shape::AttemptShape,
            shape::EventShape, jobs::JobShape,
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
        components
            .add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

pub async fn document() -> impl IntoResponse {
    // Written once: strangers may ask for it as often as they like.
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
        let mut document = serde_json::to_value(Description::openapi()).unwrap_or_default();
        document["webhooks"] = webhooks();
        keyed(&mut document);
        bounded(&mut document);
        completed(&mut document);
        Bytes::from(document.to_string())
    });
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.clone())
}

/// Every POST takes an `Idempotency-Key`.
fn keyed(document: &mut Value) {
    let parameter = json!({"name": "Idempotency-Key", "in": "header", "required": false,
        "schema": {"type": "string", "minLength": 1, "maxLength": once::LONGEST_KEY,
            "pattern": "^[!-~]+$"},
        "description": "A request that is repeated with the same key and body within 48 hours is \
                        carried out once and gets the first answer again. With another body: 422. \
                        While the first one is being carried out: 409."});
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for operation in paths.values_mut().filter_map(|path| path.get_mut("post")) {
        let parameters = operation
            .as_object_mut()
            .map(|members| members.entry("parameters").or_insert(json!([])));
        let Some(parameters) = parameters.and_then(Value::as_array_mut) else { continue };
        parameters.retain(|known| known["name"] != parameter["name"]);
        parameters.push(parameter.clone());
    }
}

/// How many rows a page may have.
fn bounded(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for operation in paths.values_mut().filter_map(|path| path.get_mut("get")) {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for limit in
            parameters.into_iter().flatten().filter(|parameter| parameter["name"] == "limit")
        {
            limit["schema"] = json!({"type": "integer", "minimum": 1, "maximum": 200});
        }
    }
}

/// Errors are problem documents, and some of them can come from any operation.
fn completed(document: &mut Value) {
    let problem =
        json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
    let answer = |words: &str| json!({"description": words, "content": problem});
    let Some(paths) = document["paths"].as_object_mut() else { return };
    let operations =
        paths.values_mut().filter_map(Value::as_object_mut).flat_map(|path| path.iter_mut());
    for (method, operation) in
        operations.filter(|(_, operation)| operation.get("responses").is_some())
    {
        let mut common = vec![
            ("401", "no token, or one that is not valid"),
            ("403", "the token lacks the permission"),
            ("503", "not now; Retry-After says when"),
        ];
        if method == "post" || method == "patch" {
            common.push(("400", "the body is not valid JSON"));
            common.push(("413", "the body is too large"));
        }
        if method == "post" {
            common.push((
                "409",
                "the first request with this Idempotency-Key is still being carried out",
            ));
        }
        if operation.get("parameters").is_some() || operation.get("requestBody").is_some() {
            common.push(("422", "errors names what is wrong, and why"));
        }
        let Some(responses) = operation["responses"].as_object_mut() else { continue };
        for (status, words) in common {
            responses.entry(status).or_insert_with(|| answer(words));
        }
        for (_, response) in
            responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5']))
        {
            response["content"] = problem.clone();
        }
    }
}

/// What this program calls, where the rest is what can be called: one webhook for each event.
fn webhooks() -> Value {
    let parameters: Vec<Value> = HEADERS
        .iter()
        .filter(|header| header.name != "content-type")
        .map(|header| {
            json!({"name": header.name, "in": "header", "required": !header.only_tests,
                "description": header.meaning,
                   "schema": {"type": "string"}, "example": header.example})
        })
        .collect();
    let webhook = |event: &EventType| {
        let body =
            json!({"application/json": {"schema": catalogue::schema(*event, Draft::Draft2020)}});
        let operation = json!({
            "summary": event.name(), "description": format!("Sent when {}.", event.when()),
                "parameters": parameters,
            "requestBody": {"required": true, "content": body},
            // What a receiver asks of us is a key and a signature, not our token.
            "security": [],
            "responses": {
                "2XX": {"description": "Accepted; nothing more is sent for this event."},
                "410": {"description": "Gone for good: the hook is switched off."},
                "default": {"description": "Tried again by the hook's retry plan. 429 and 503 may \
                    say when in Retry-After: until then nothing is sent, and it counts as no \
                    failure."},
            },
        });
        (event.key().to_owned(), json!({"post": operation}))
    };
    EventType::ALL.iter().map(webhook).collect::<serde_json::Map<_, _>>().into()
}
