//! `/metrics`: its content, and what it must not reveal.

use serde_json::json;
use service_hooks::domain::{event::EventType, permission::Role};

use crate::support::{app::TestApp, db::TestDb, eventually, on_both, receiver::Receiver, within};

on_both!(
    metrics_count_results_without_identifying_hooks,
    every_metric_exists_from_the_first_scrape_and_has_help,
    hooks_are_counted_by_status,
    the_log_is_short_after_normal_use,
);

/// The value of a series, given by its name and labels.
fn value(figures: &str, series: &str) -> Option<f64> {
    figures.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

async fn metrics_count_results_without_identifying_hooks(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    let hook = json!({"name": "CANARY-name", "event_type": "work_item.closed",
        "callback_url": receiver.url("/CANARY"),
                      "api_key": "CANARY-key", "enabled": true});
    let (status, hook) = app.api(&token, "POST", "/hooks", Some(hook)).await;
    assert_eq!(status, 201, "{hook}");
    let data: serde_json::Value = serde_json::from_str(service_hooks::engine::catalogue::sample(
        service_hooks::domain::event::EventType::WorkItemClosed,
    ))
    .unwrap();
    let (status, event) = app
        .api(&token, "POST", "/events", Some(json!({"type": "work_item.closed", "data": data})))
        .await;
    assert_eq!(status, 202, "{event}");
    let figures = eventually("the delivery is counted", async || {
        let figures = app.request("GET", "/metrics").send().await.ok()?.text().await.ok()?;
        let delivered = value(&figures, "service_hooks_outcomes_total{state=\"delivered\"}");
        (delivered == Some(1.0)).then_some(figures)
    })
    .await;
    let expected = [
        ("service_hooks_events_accepted_total", 1.0),
        ("service_hooks_deliveries_accepted_total{state=\"pending\"}", 1.0),
        ("service_hooks_attempts_total{class=\"success\"}", 1.0),
        ("service_hooks_attempt_duration_seconds_count", 1.0),
        ("service_hooks_balance_holds", 1.0),
    ];
    for (series, wanted) in expected {
        assert_eq!(value(&figures, series), Some(wanted), "{series}\n{figures}");
    }
    assert!(
        figures.contains("# TYPE service_hooks_commit_duration_seconds histogram"),
        "{figures}"
    );
    assert!(figures.contains("http_route=\"/api/v1/events\""), "{figures}");
    for secret in
        ["CANARY", "work_item", hook["id"].as_str().unwrap(), event["id"].as_str().unwrap()]
    {
        assert!(!figures.contains(secret), "{secret} is in the metrics");
    }
}

async fn scrape(app: &TestApp) -> String {
    app.request("GET", "/metrics").send().await.unwrap().text().await.unwrap()
}

async fn every_metric_exists_from_the_first_scrape_and_has_help(db: TestDb) {
    let app = TestApp::start(db).await;
    let figures = scrape(&app).await;
    for class in service_hooks::domain::delivery::Answer::classes() {
        let series = format!("service_hooks_attempts_total{{class=\"{class}\"}}");
        assert!(value(&figures, &series).is_some(), "{series}\n{figures}");
    }
    for series in [
        "service_hooks_commit_failures_total",
        "service_hooks_events_refused_total",
        "service_hooks_outcomes_total{state=\"failed\"}",
        "service_hooks_hook_changes_total{change=\"paused\"}",
        "service_hooks_component_up{component=\"scheduler\"}",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_cpu_seconds_total",
    ] {
        assert!(value(&figures, series).is_some(), "{series}\n{figures}");
    }
    let build = format!("service_hooks_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value(&figures, &build), Some(1.0));
    for line in figures.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(figures.contains(&format!("# HELP {name} ")), "{name} is not explained");
    }
    app.running.shutdown().await;
}

async fn hooks_are_counted_by_status(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    let healthy = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    app.hook(&token, EventType::OutboundCallInitiated, &receiver).await;
    let path = format!("/hooks/{}", healthy["id"].as_str().unwrap());
    assert_eq!(app.api(&token, "PATCH", &path, Some(json!({"enabled": false}))).await.0, 200);
    within(60, "the hooks are counted", async || {
        let figures = scrape(&app).await;
        let of =
            |state: &str| value(&figures, &format!("service_hooks_hooks{{state=\"{state}\"}}"));
        // Concurrent tests in the same process are counted too.
        (of("healthy")? + of("off")? >= 2.0
            && of("paused").is_some()
            && of("switched_off").is_some())
        .then_some(())
    })
    .await;
    app.running.shutdown().await;
}

async fn the_log_is_short_after_normal_use(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    let browser = app.browser(Role::Administrator).await;
    let (hook, delivery) = app.hook_that_delivered(&token, &receiver).await;
    for (method, path, _) in service_hooks::http::api::v1::ROUTES {
        let path = path.replace("{id}", &hook).replace("{key}", "work_item.closed");
        for token in [token.as_str(), ""] {
            app.api(token, method, &path, Some(json!({}))).await;
        }
    }
    for path in service_hooks::http::pages::paths() {
        browser
            .get(
                &path
                    .replace(":id", &hook)
                    .replace(":did", &delivery)
                    .replace(":key", "work_item.closed"),
            )
            .await;
    }
    for path in [
        "/nothing/here",
        "/healthz",
        "/readyz",
        "/favicon.svg",
        "/icons.svg",
        "/robots.txt",
        "/integration/events/schemas.zip",
    ] {
        browser.get(path).await;
    }
    let figures = scrape(&app).await;
    let lines = figures.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines < 500, "{lines} lines\n{figures}");
    app.running.shutdown().await;
}
