//! Responses that operations share: problem documents, and the response to a repeated request. Each
//! is declared once and referenced.

use serde_json::json;
use utoipa::{
    Modify,
    openapi::{
        Content, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, ParameterIn, PathItem},
        schema::{ObjectBuilder, SchemaFormat, Type},
    },
};

/// Status, component name, meaning, and an example of `detail`.
const PROBLEMS: &[(&str, &str, &str, &str)] = &[
    (
        "400",
        "Malformed",
        "The body is not valid JSON.",
        "The body is not valid JSON: it ends in the middle of an object (line 1, column 1)",
    ),
    (
        "401",
        "Unauthorized",
        "The token is missing or not valid.",
        "The token is missing or not valid. Send Authorization: Bearer shk_... Create a token \
         with: service-hooks token create",
    ),
    (
        "403",
        "Forbidden",
        "The token doesn't have the permission.",
        "This token doesn't have the permission hooks:read.",
    ),
    ("404", "NotFound", "It doesn't exist.", "There is no such hook."),
    (
        "409",
        "Conflict",
        "A conflict: the first request with this Idempotency-Key is still running, the version is \
         outdated, or a running job covers some of the same deliveries.",
        "The first request with this Idempotency-Key is still running. Repeat the request in 1 \
         second to get its response.",
    ),
    ("413", "TooLarge", "The body is too large.", "The body must be at most 1048576 bytes."),
    (
        "412",
        "PreconditionFailed",
        "`If-Match` doesn't have the hook's current version. Nothing was changed.",
        "The hook is now at version 4. Read it again and repeat your change.",
    ),
    (
        "415",
        "Unsupported",
        "The body is compressed, or not in UTF-8.",
        "Compressed bodies are not supported. Send the JSON without Content-Encoding.",
    ),
    (
        "422",
        "Invalid",
        "The request is not valid. `errors` lists every invalid field and the reason.",
        "name: Enter a name.",
    ),
    (
        "429",
        "TooManyRequests",
        "Too many tests in a minute, or at once. `Retry-After` says when to try again.",
        "Test limit reached: too many tests in the last minute, or too many running now. Try again \
         in 57 seconds.",
    ),
    (
        "503",
        "Unavailable",
        "The server can't take the request now. `Retry-After` says when to try again.",
        "The queue is full: too many events are waiting for delivery. Nothing was accepted. Try \
         again in 5 seconds.",
    ),
];

/// Can an operation respond with this status?
fn applies(status: &str, method: &str, path: &str, operation: &Operation) -> bool {
    let takes_body = matches!(method, "post" | "patch");
    match status {
        "400" | "413" | "415" | "409" => takes_body,
        "412" => path == "/api/v1/hooks/{id}" && matches!(method, "patch" | "delete"),
        // The body can name a hook.
        "404" => path.contains('{') || path == "/api/v1/deliveries/redeliver",
        "429" => path == "/api/v1/hooks/{id}/test",
        "422" => takes_body || has_query(operation),
        _ => true,
    }
}

fn has_query(operation: &Operation) -> bool {
    let parameters = operation.parameters.iter().flatten();
    parameters.into_iter().any(|parameter| {
        matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query)
    })
}

/// Adds the shared responses to every operation.
pub struct Shared;

impl Modify for Shared {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_with(Default::default);
        for (status, name, meaning, detail) in PROBLEMS {
            let response = problem(status, meaning, detail);
            components.responses.insert((*name).to_owned(), RefOr::T(response));
        }
        components.responses.insert("AlreadyDone".to_owned(), RefOr::T(already_done()));
        let reference = |name: &str| RefOr::Ref(Ref::new(format!("#/components/responses/{name}")));
        for (path, item) in &mut openapi.paths.paths {
            for (method, operation) in operations(item) {
                for (status, name, ..) in PROBLEMS {
                    if applies(status, method, path, operation) {
                        let responses = &mut operation.responses.responses;
                        responses.entry((*status).to_owned()).or_insert_with(|| reference(name));
                    }
                }
                // Events store their response in the commit that accepts them, so it is never lost.
                if method == "post" && path != "/api/v1/events" {
                    let responses = &mut operation.responses.responses;
                    responses.insert("303".to_owned(), reference("AlreadyDone"));
                }
            }
        }
    }
}

/// The operations of a path with their methods.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", item.get.as_mut()),
        ("post", item.post.as_mut()),
        ("patch", item.patch.as_mut()),
        ("delete", item.delete.as_mut()),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation?)))
}

fn problem(status: &str, meaning: &str, detail: &str) -> Response {
    let number = status.parse::<u16>().unwrap_or_default();
    let title = axum::http::StatusCode::from_u16(number).ok();
    let errors = match status {
        "422" => json!([{"field": "name", "code": "required", "message": "Enter a name."}]),
        _ => json!([]),
    };
    let mut content = Content::new(Some(Ref::from_schema_name("Problem")));
    content.example = Some(json!({
        "type": "about:blank",
        "title": title.and_then(|status| status.canonical_reason()),
        "status": number,
        "detail": detail,
        "errors": errors,
    }));
    let response =
        ResponseBuilder::new().description(meaning).content("application/problem+json", content);
    match status {
        "401" => response.header("WWW-Authenticate", text("The scheme to use: `Bearer`.")),
        "503" => response.header("Retry-After", whole_number("Seconds to wait.")),
        _ => response,
    }
    .build()
}

/// 303: the response to a repeated request whose first response was lost.
fn already_done() -> Response {
    let location = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::Custom("uri-reference".to_owned())));
    let body = ObjectBuilder::new().property("location", location).required("location");
    ResponseBuilder::new()
        .description(
            "A request with this Idempotency-Key was carried out before, but its response was \
             lost. Read what it created at `location`.",
        )
        .content("application/json", Content::new(Some(body)))
        .header("Location", text("Where to read what the first request created."))
        .build()
}

fn text(description: &str) -> utoipa::openapi::Header {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

fn whole_number(description: &str) -> utoipa::openapi::Header {
    let schema = ObjectBuilder::new().schema_type(Type::Integer);
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}
