//! Allowed imports. The table in `docs/ARCHITECTURE.md` is a copy; a test compares them.

/// A file whose path begins with the left may import modules that begin with any on the right, and
/// its own submodules. The longest matching left applies.
pub const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &["domain"]),
    ("view", &["domain", "view"]),
    ("engine/clock", &["domain"]),
    ("engine/config", &["domain", "engine::config"]),
    ("engine/catalogue", &["domain", "engine::catalogue"]),
    ("engine/pressure", &["domain", "engine::config", "engine::pressure"]),
    ("engine/metrics", &["domain", "engine::pressure"]),
    ("engine/supervise", &[]),
    (
        "engine/store",
        &[
            "domain",
            "engine::clock",
            "engine::config",
            "engine::metrics",
            "engine::pressure",
            "engine::store",
        ],
    ),
    (
        "engine/delivery",
        &[
            "domain",
            "engine::clock",
            "engine::config",
            "engine::metrics",
            "engine::store",
            "engine::supervise",
            "engine::delivery",
        ],
    ),
    ("engine/job_runner", &["domain", "engine::clock", "engine::delivery", "engine::store"]),
    (
        "engine/upkeep",
        &[
            "domain",
            "engine::clock",
            "engine::config",
            "engine::metrics",
            "engine::pressure",
            "engine::store",
            "engine::upkeep",
        ],
    ),
    ("engine/dispatcher", &["domain", "engine"]),
    ("engine/error", &["domain", "engine::store"]),
    (
        "engine/hooks",
        &[
            "domain",
            "engine::catalogue",
            "engine::clock",
            "engine::delivery",
            "engine::dispatcher",
            "engine::error",
            "engine::store",
        ],
    ),
    ("engine/deliveries", &["domain", "engine::dispatcher", "engine::error", "engine::store"]),
    ("engine/dismissals", &["domain", "engine::dispatcher", "engine::error", "engine::store"]),
    ("engine/jobs", &["domain", "engine::dispatcher", "engine::error", "engine::store"]),
    ("engine/mod", &["engine"]),
    ("portal/store", &["domain", "engine::store", "portal::store"]),
    ("portal/zones", &["domain"]),
    ("portal/auth", &["domain", "engine::store", "engine::clock", "portal::auth", "portal::store"]),
    ("portal/ctx", &["domain", "engine", "portal::auth"]),
    (
        "portal/demo",
        &["domain", "engine", "portal::ctx", "portal::demo", "portal::ops", "portal::store"],
    ),
    (
        "portal/ops",
        &[
            "domain",
            "engine",
            "portal::auth",
            "portal::ctx",
            "portal::ops",
            "portal::store",
            "portal::zones",
            "view::words",
        ],
    ),
    ("portal/request", &["domain", "engine", "view", "portal::auth", "portal::ctx", "portal::ops"]),
    (
        "portal/handlers",
        &[
            "domain",
            "engine",
            "view",
            "portal::auth",
            "portal::ctx",
            "portal::handlers",
            "portal::ops",
            "portal::request",
            "portal::zones",
        ],
    ),
    ("portal/mod", &["portal"]),
    ("rpc", &["domain", "view", "portal::handlers", "portal::request"]),
    ("ui", &["domain", "view", "rpc", "ui"]),
    ("app", &["domain", "view", "ui"]),
    ("http/log_limit", &["domain", "engine::clock"]),
    ("http/request_id", &["engine::clock"]),
    (
        "http/api",
        &[
            "domain",
            "engine",
            "portal::auth",
            "portal::ctx",
            "portal::ops",
            "view::words",
            "http::api",
            "http::request_id",
        ],
    ),
    ("http", &["domain", "engine", "view", "portal", "rpc", "app", "telemetry", "http"]),
    ("telemetry", &["engine"]),
    ("runtime", &["domain", "engine", "portal", "http", "telemetry"]),
    ("cli", &["domain", "engine", "portal", "view::words", "http", "runtime", "telemetry", "cli"]),
    ("fuzzing", &["domain", "engine", "view", "portal", "rpc", "http"]),
    ("main", &[]),
    ("lib", &["engine"]),
];

/// The line of the table for a file.
pub fn rule(name: &str) -> Option<(&'static str, &'static [&'static str])> {
    let fits = MAY_IMPORT.iter().filter(|(module, _)| name.starts_with(module));
    fits.max_by_key(|(module, _)| module.len()).copied()
}
