//! All operations. The tests call each one with every kind of token.

/// Method, path below `/api/v1`, and the required permission (`None`: no token needed).
pub const ROUTES: &[(&str, &str, Option<&str>)] = &[
    ("POST", "/events", Some("events:emit")),
    ("GET", "/events/{id}", Some("deliveries:read")),
    ("GET", "/event-types", Some("hooks:read")),
    ("GET", "/event-types/{key}/schema", Some("hooks:read")),
    ("GET", "/hooks", Some("hooks:read")),
    ("POST", "/hooks", Some("hooks:write")),
    ("GET", "/hooks/{id}", Some("hooks:read")),
    ("PATCH", "/hooks/{id}", Some("hooks:write")),
    ("DELETE", "/hooks/{id}", Some("hooks:write")),
    ("POST", "/hooks/{id}/test", Some("hooks:test")),
    ("POST", "/hooks/{id}/recover", Some("deliveries:replay")),
    ("POST", "/hooks/{id}/try-now", Some("deliveries:replay")),
    ("GET", "/deliveries", Some("deliveries:read")),
    ("GET", "/deliveries/export", Some("deliveries:read")),
    ("POST", "/deliveries/redeliver", Some("deliveries:replay")),
    ("GET", "/deliveries/{id}", Some("deliveries:read")),
    ("POST", "/deliveries/{id}/redeliver", Some("deliveries:replay")),
    ("POST", "/hooks/{id}/dismiss", Some("deliveries:replay")),
    ("GET", "/dismissals", Some("deliveries:read")),
    ("POST", "/dismissals/{id}/undo", Some("deliveries:replay")),
    ("GET", "/jobs", Some("deliveries:read")),
    ("GET", "/jobs/{id}", Some("deliveries:read")),
    ("PATCH", "/jobs/{id}", Some("deliveries:replay")),
    ("GET", "/openapi.json", None),
];
