//! Logging and metrics. Logs are one line per event on standard error, because standard output is
//! for the output of commands. Metrics are recorded by the engine through the `metrics` facade and
//! exported in Prometheus format.

use std::{io::IsTerminal, sync::OnceLock, time::Duration};

use axum::http::Method;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::engine::{
    config::log::{DEFAULT_FILTER, Format, filter},
    metrics::{ACCEPTED, COUNTS, SECONDS, component, describe},
    store::balance::Balance,
};

/// Starts logging. `RUST_LOG` sets the filter; the spans of each delivery stage are at `debug`.
pub fn start(format: Format) {
    let (filter, problem) = match filter().map(|text| parse_filter(&text)) {
        None => (EnvFilter::new(DEFAULT_FILTER), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(problem)) => (EnvFilter::new(DEFAULT_FILTER), Some(problem)),
    };
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        Format::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).boxed(),
        Format::Json => {
            // A panic's multi-line text would break JSON lines: log it as a record.
            std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panic")));
            lines.json().flatten_event(true).with_current_span(false).boxed()
        }
    };
    // Tests may have initialised it already.
    let _already_started = tracing_subscriber::registry().with(filter).with(lines).try_init();
    if let Some(problem) = problem {
        tracing::warn!(
            "RUST_LOG is not understood: {problem}. Using the default, \"{DEFAULT_FILTER}\"."
        );
    }
}

const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
/// Known targets: this crate, and the dependencies that log.
const TARGETS: &[&str] = &[
    "service_hooks",
    "axum",
    "h2",
    "hickory",
    "hyper",
    "leptos",
    "metrics",
    "reqwest",
    "rustls",
    "server_fn",
    "sqlx",
    "tokio",
    "tower",
];

/// Parses a filter, and rejects one that is probably a mistake: a misspelled level alone would
/// count as a module name and silence everything else.
fn parse_filter(text: &str) -> Result<EnvFilter, String> {
    let is_known = |word: &str| {
        let word = word.to_ascii_lowercase();
        LEVELS.contains(&word.as_str())
            || word.parse::<u8>().is_ok_and(|level| level <= 5)
            || TARGETS.iter().any(|target| word.starts_with(target))
    };
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty() && !word.contains(['=', '[']));
    let mut unknown = words.filter(|word| !is_known(word));
    match unknown.next() {
        Some(word) => {
            Err(format!("{word:?} is neither a level ({}) nor a known module", LEVELS.join(", ")))
        }
        None => EnvFilter::try_new(text).map_err(|error| error.to_string()),
    }
}

static PROMETHEUS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// How often histogram samples are drained into their buckets.
const UPKEEP: Duration = Duration::from_secs(10);

const REQUESTS: &str = "http_server_requests_total";
const REQUEST_SECONDS: &str = "http_server_request_duration_seconds";
/// Few buckets, because each route has its own histogram.
const REQUEST_BUCKETS: &[f64] = &[0.005, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Installs the metrics recorder: once per process, however many servers it runs.
pub fn collect() {
    let handle = PROMETHEUS.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(REQUEST_SECONDS.to_owned()), REQUEST_BUCKETS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            })
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Suffix("_commands".to_owned()), COUNTS)
            });
        let handle = builder.ok()?.install_recorder().ok()?;
        describe();
        describe_http();
        Some(handle)
    });
    if let Some(handle) = handle.clone() {
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                handle.run_upkeep();
            }
        });
    }
}

fn describe_http() {
    metrics_process::Collector::default().describe();
    describe_counter!(REQUESTS, "Requests, by method, route and the first digit of their status");
    describe_histogram!(
        REQUEST_SECONDS,
        "How long requests took, by method and route; pages and files are one each"
    );
    describe_gauge!(
        "service_hooks_balance_accepted",
        "Deliveries that were ever accepted, counted as they came"
    );
    describe_gauge!(
        "service_hooks_balance_pruned",
        "Of these, deliveries that retention has removed"
    );
    describe_gauge!(
        "service_hooks_balance_deliveries",
        "Deliveries in each state, counted in the database"
    );
    describe_gauge!(
        "service_hooks_balance_holds",
        "1 while accepted = the sum of all states + pruned"
    );
}

/// All metrics in Prometheus text format; process metrics are sampled now. The accepted-events
/// counter has its event type label only if `shows_types`.
pub fn render(
    components: impl Iterator<Item = (&'static str, bool)>,
    shows_types: bool,
) -> Option<String> {
    let handle = PROMETHEUS.get()?.as_ref()?;
    metrics_process::Collector::default().collect();
    components.for_each(|(name, is_up)| component(name, is_up));
    let text = handle.render();
    Some(if shows_types { text } else { sum_series(&text, ACCEPTED) })
}

/// Sums all series of one counter into one without labels.
fn sum_series(text: &str, name: &str) -> String {
    let is_one = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
    let value = |line: &str| {
        line.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
    };
    let total: u64 = text.lines().filter(is_one).map(value).sum();
    let mut lines: Vec<String> =
        text.lines().filter(|line| !is_one(line)).map(str::to_owned).collect();
    if let Some(at) = lines.iter().position(|line| *line == format!("# TYPE {name} counter")) {
        lines.insert(at + 1, format!("{name} {total}"));
    }
    lines.join("\n") + "\n"
}

/// Sets the gauges of the balance: both sides of the equation, and whether it holds.
pub fn balance(balance: &Balance) {
    gauge!("service_hooks_balance_accepted").set(balance.accepted as f64);
    gauge!("service_hooks_balance_pruned").set(balance.pruned as f64);
    for (state, count) in &balance.states {
        gauge!("service_hooks_balance_deliveries", "state" => state.key()).set(*count as f64);
    }
    gauge!("service_hooks_balance_holds").set(if balance.holds() { 1.0 } else { 0.0 });
}

/// The method as a metric label. Unknown methods are `_OTHER`, so that clients cannot create
/// labels.
pub fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

/// Records a finished request. The names follow OpenTelemetry's conventions.
pub fn record_request(method: &'static str, route: &str, status: u16, took: Duration) {
    let status = match status {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    let route = route_label(route).to_owned();
    counter!(REQUESTS, "http_request_method" => method, "http_route" => route.clone(),
        "http_response_status_class" => status)
    .increment(1);
    histogram!(REQUEST_SECONDS, "http_request_method" => method, "http_route" => route)
        .record(took.as_secs_f64());
}

/// The route label: each API operation has its own; the portal's many routes are grouped, to keep
/// the number of histograms small.
fn route_label(route: &str) -> &str {
    match route {
        route if route.starts_with("/api/") => route,
        "/healthz" | "/readyz" | "/metrics" => "health",
        "none" => "none",
        route if route.starts_with("/rpc/") => "rpc",
        "/live" => "streams",
        route if route.starts_with("/pkg/") || route.contains('.') => "files",
        _ => "pages",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_filter_is_refused() {
        let good = [
            "info",
            "DEBUG",
            "warn,sqlx=error",
            "service_hooks::engine",
            "hyper",
            "off",
            "info,[request]=debug",
            "3",
        ];
        for text in good {
            assert!(parse_filter(text).is_ok(), "{text}");
        }
        for (text, expected) in
            [("debgu", "debgu"), ("info,sqlx=debgu", "level"), ("warn, inof", "inof"), ("9", "9")]
        {
            let problem = parse_filter(text).err().unwrap_or_default();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }

    #[test]
    fn event_types_are_summed_unless_they_may_be_shown() {
        let text = "# HELP x_total X\n# TYPE x_total counter\nx_total{event_type=\"a\"} \
                    2\nx_total{event_type=\"b\"} 3\n\n# TYPE y counter\ny 1\n";
        assert_eq!(
            sum_series(text, "x_total"),
            "# HELP x_total X\n# TYPE x_total counter\nx_total 5\n\n# TYPE y counter\ny 1\n"
        );
    }

    #[test]
    fn portal_routes_are_grouped() {
        let rows = [
            ("/api/v1/hooks/{id}", "/api/v1/hooks/{id}"),
            ("/integration/hooks/{id}", "pages"),
            ("/", "pages"),
            ("/rpc/{*function}", "rpc"),
            ("/pkg/{*path}", "files"),
            ("/favicon.svg", "files"),
            ("/integration/events/{key}/schema.json", "files"),
            ("/live", "streams"),
            ("/readyz", "health"),
            ("none", "none"),
        ];
        for (route, wanted) in rows {
            assert_eq!(route_label(route), wanted);
        }
    }
}
