//! The log: one line an occurrence, on standard error, so that standard output stays for what a command prints. And the
//! figures, which the engine counts without knowing who collects them.

use std::{io::IsTerminal, sync::OnceLock, time::Duration};

use axum::http::Method;
use metrics::{gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::engine::{
    metrics::{COUNTS, SECONDS, describe},
    store::balance::Balance,
};

/// Starts logging. `RUST_LOG` narrows or widens it; the spans of each stage are at `debug`.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,hyper=warn,sqlx=warn"));
    let is_terminal = std::io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(is_terminal).with_target(false);
    // A test may have started it already.
    let _already_started = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

static FIGURES: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Samples of histograms are folded into their buckets this often.
const FOLD: Duration = Duration::from_secs(10);

/// Begins to collect figures: once in a process, however many servers it runs.
pub fn collect() {
    let handle = FIGURES.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_commands".to_owned()), COUNTS));
        let handle = builder.ok()?.install_recorder().ok()?;
        describe();
        Some(handle)
    });
    if let Some(handle) = handle.clone() {
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(FOLD).await;
                handle.run_upkeep();
            }
        });
    }
}

/// Everything that was collected, as Prometheus reads it.
pub fn figures() -> Option<String> {
    FIGURES.get()?.as_ref().map(PrometheusHandle::render)
}

/// Both sides of the equation, and whether it holds.
pub fn balance(balance: &Balance) {
    gauge!("service_hooks_balance_accepted").set(balance.accepted as f64);
    gauge!("service_hooks_balance_pruned").set(balance.pruned as f64);
    for (state, count) in &balance.states {
        gauge!("service_hooks_balance_deliveries", "state" => state.key()).set(*count as f64);
    }
    gauge!("service_hooks_balance_holds").set(if balance.holds() { 1.0 } else { 0.0 });
}

/// Methods are labels: what a client makes up is not.
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

/// A request was answered. Named as OpenTelemetry names it.
pub fn answered(method: &'static str, route: String, status: u16, took: Duration) {
    let labels = [
        ("http_request_method", method.to_owned()),
        ("http_route", route),
        ("http_response_status_code", status.to_string()),
    ];
    // Its count is the number of requests: a counter beside it would say the same.
    histogram!("http_server_request_duration_seconds", &labels).record(took.as_secs_f64());
}
