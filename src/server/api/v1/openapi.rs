//! The API's description of itself.

use axum::Json;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

use super::{deliveries, event_types, events, hooks, jobs, shape};
use crate::server::api::problem::{Problem, ProblemField};

#[derive(OpenApi)]
#[openapi(
    info(title = "Service Hooks", description = "Emit events, configure hooks, look at deliveries."),
    paths(
        events::emit, events::find, event_types::list, event_types::schema, hooks::list, hooks::create, hooks::find,
        hooks::update, hooks::delete, hooks::test, deliveries::list, deliveries::find, deliveries::redeliver,
        jobs::recover, jobs::redeliver, jobs::list, jobs::find, jobs::update,
    ),
    components(schemas(
        Problem, ProblemField, shape::HookShape, shape::DeliveryShape, shape::AttemptShape, shape::EventShape, jobs::JobShape,
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

pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
