//! The API's description of itself, and of the requests it sends. Operations and types describe
//! themselves where they are; what they share is added here.

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
    deliveries, event_types, events, hooks, jobs, once, requests::event::NewEvent, routes::ROUTES,
};
use crate::http::api::problem::{Problem, ProblemField};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Service Hooks",
        description = "Emit events, configure hooks, look at deliveries and repeat them.",
        license(name = "MIT", identifier = "MIT"),
        contact(name = "The administrators of this server"),
    ),
    servers((url = "/", description = "The server that this description comes from.")),
    paths(
        events::emit, events::find, event_types::list, event_types::schema, hooks::list,
        hooks::create, hooks::find, hooks::update, hooks::delete, hooks::test, hooks::try_now,
        deliveries::list, deliveries::find, deliveries::redeliver, jobs::recover,
        jobs::redeliver, jobs::list, jobs::find, jobs::update,
    ),
    components(schemas(Problem, ProblemField, NewEvent)),
    tags(
        (name = "Events", description = "What happened: events on their way in."),
        (name = "Event types", description = "Which events there are, and what their payloads \
            look like."),
        (name = "Hooks", description = "Which event is sent to which URL."),
        (name = "Deliveries", description = "Each event on its way to each hook."),
        (name = "Jobs", description = "Many deliveries sent again."),
        (name = "Webhooks", description = "The requests that receivers get."),
    ),
    modifiers(&Token, &Permissions, &IdempotencyKey, &Shared),
    security(("token" = [])),
)]
struct Description;

pub async fn document() -> impl IntoResponse {
    // Written once: strangers may ask for it as often as they like.
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
        let mut document = serde_json::to_value(Description::openapi()).unwrap_or_default();
        document["webhooks"] = webhooks::all();
        Bytes::from(document.to_string())
    });
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.clone())
}

/// How callers say who they are.
struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A token made with `service-hooks token create`. It begins with `shk_`.",
        ));
        let components = openapi.components.get_or_insert_with(Default::default);
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
    }
}

/// Each operation names the permission that its token needs.
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

/// Every POST takes an `Idempotency-Key`.
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
                "Makes it safe to repeat a request. Within 48 hours a request with the same key \
                 and body is carried out once, and its repetitions get the first answer. With \
                 another body: 422. While the first one is still running: 409.",
            ));
        let components = openapi.components.get_or_insert_with(Default::default);
        components.parameters.insert("IdempotencyKey".to_owned(), RefOr::T(key.build()));
        for post in openapi.paths.paths.values_mut().filter_map(|item| item.post.as_mut()) {
            let reference = utoipa::openapi::Ref::new("#/components/parameters/IdempotencyKey");
            post.parameters.get_or_insert_default().push(RefOr::Ref(reference));
        }
    }
}
