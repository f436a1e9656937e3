//! `openapi.json`: the API, and the webhooks that this program sends. Operations and types are
//! described in their own files; this file adds what they share.

mod answers;
mod webhooks;

use std::sync::LazyLock;

use axum::{http::header::CONTENT_TYPE, response::IntoResponse};
use bytes::Bytes;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        RefOr, Required,
        path::{ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use self::answers::Shared;
use super::{
    deliveries, dismissals, event_types, events, exports, hooks, jobs, once,
    requests::event::NewEvent, routes::ROUTES,
};
use crate::http::api::problem::{Problem, ProblemField};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Service Hooks",
        description = "Emit events, manage hooks, inspect deliveries and redeliver them.",
        license(name = "MIT", identifier = "MIT"),
        contact(name = "The administrators of this server"),
    ),
    servers((url = "/", description = "The server that this description comes from.")),
    paths(
        events::emit, events::find, event_types::list, event_types::schema, hooks::list,
        hooks::create, hooks::find, hooks::update, hooks::delete, hooks::test, hooks::try_now,
        deliveries::list, deliveries::find, deliveries::redeliver, exports::deliveries,
        dismissals::dismiss, dismissals::list, dismissals::undo, jobs::recover,
        jobs::redeliver, jobs::list, jobs::find, jobs::update,
    ),
    components(schemas(Problem, ProblemField, NewEvent)),
    tags(
        (name = "Events", description = "Emit events and read them."),
        (name = "Event types", description = "The event types and the schemas of their payloads."),
        (name = "Hooks", description = "Which events are sent to which URL."),
        (name = "Deliveries", description = "One event sent to one hook, with its state and \
                                             attempts."),
        (name = "Dismissals", description = "Undelivered events that need not be sent."),
        (name = "Jobs", description = "Redeliver many deliveries at a limited pace."),
        (name = "Webhooks", description = "The requests that receivers get."),
    ),
    modifiers(&Token, &Permissions, &IdempotencyKey, &Shared),
    security(("token" = [])),
)]
struct Description;

pub async fn document() -> impl IntoResponse {
    // Serialized once: anyone may request it, as often as they like.
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
        let mut document = serde_json::to_value(Description::openapi()).unwrap_or_default();
        document["webhooks"] = webhooks::all();
        Bytes::from(document.to_string())
    });
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.clone())
}

/// Adds the security scheme.
struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A token created with `service-hooks token create`. It begins with `shk_`.",
        ));
        let components = openapi.components.get_or_insert_with(Default::default);
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
    }
}

/// Adds the permission that each operation needs to its description.
struct Permissions;

impl Modify for Permissions {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for (method, path, permission) in ROUTES {
            let item = openapi.paths.paths.get_mut(&format!("/api/v1{path}"));
            let operation = item.and_then(|item| match *method {
                "GET" => item.get.as_mut(),
                "POST" => item.post.as_mut(),
                "PATCH" => item.patch.as_mut(),
                "DELETE" => item.delete.as_mut(),
                _ => None,
            });
            if let (Some(operation), Some(permission)) = (operation, permission) {
                let needs = format!("Needs the permission `{permission}`.");
                operation.description = Some(match operation.description.take() {
                    Some(text) if !text.is_empty() => format!("{text}\n\n{needs}"),
                    _ => needs,
                });
            }
        }
    }
}

/// Adds the `Idempotency-Key` header to every POST.
struct IdempotencyKey;

impl Modify for IdempotencyKey {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(once::LONGEST_KEY))
            .pattern(Some("^[!-~]+$"));
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .schema(Some(schema))
            .description(Some(
                "Makes it safe to repeat a request. For 48 hours, requests with the same key and \
                 body are carried out once, and repeated requests get the first response. The same \
                 key with another body: 422. While the first request is still running: 409.",
            ));
        let components = openapi.components.get_or_insert_with(Default::default);
        components.parameters.insert("IdempotencyKey".to_owned(), RefOr::T(key.build()));
        for post in openapi.paths.paths.values_mut().filter_map(|item| item.post.as_mut()) {
            let reference = utoipa::openapi::Ref::new("#/components/parameters/IdempotencyKey");
            post.parameters.get_or_insert_default().push(RefOr::Ref(reference));
        }
    }
}
