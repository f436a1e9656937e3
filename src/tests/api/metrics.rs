//! `/metrics`: what an operator's Prometheus reads, and what it must not learn.

use serde_json::json;

use crate::support::{app::TestApp, db::TestDb, eventually, on_both, receiver::Receiver};

on_both!(the_figures_say_what_happened_and_whom_it_concerns_stays_unsaid);

/// The value of a series, by its name and labels as they are written.
fn value(figures: &str, series: &str) -> Option<f64> {
    figures.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

async fn the_figures_say_what_happened_and_whom_it_concerns_stays_unsaid(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let receiver = Receiver::start().await;
    let hook = json!({"name": "CANARY-name", "event_type": "work_item.closed", "callback_url": receiver.url("/CANARY"),
                      "api_key": "CANARY-key", "enabled": true});
    let (status, hook) = app.api(&token, "POST", "/hooks", Some(hook)).await;
    assert_eq!(status, 201, "{hook}");
    let data: serde_json::Value = serde_json::from_str(service_hooks::engine::catalogue::sample(
        service_hooks::domain::event::EventType::WorkItemClosed,
    ))
    .unwrap();
    let (status, event) =
        app.api(&token, "POST", "/events", Some(json!({"type": "work_item.closed", "data": data}))).await;
    assert_eq!(status, 202, "{event}");
    let figures = eventually("the delivery is counted", async || {
        let figures = app.request("GET", "/metrics").send().await.ok()?.text().await.ok()?;
        let delivered = value(&figures, "service_hooks_outcomes_total{state=\"delivered\"}");
        (delivered == Some(1.0)).then_some(figures)
    })
    .await;
    let expected = [
        ("service_hooks_events_accepted_total{event_type=\"work_item.closed\"}", 1.0),
        ("service_hooks_deliveries_accepted_total{state=\"pending\"}", 1.0),
        ("service_hooks_attempts_total{class=\"success\"}", 1.0),
        ("service_hooks_attempt_duration_seconds_count", 1.0),
        ("service_hooks_balance_holds", 1.0),
    ];
    for (series, wanted) in expected {
        assert_eq!(value(&figures, series), Some(wanted), "{series}\n{figures}");
    }
    assert!(figures.contains("# TYPE service_hooks_commit_duration_seconds histogram"), "{figures}");
    assert!(figures.contains("http_route=\"/api/v1/events\""), "{figures}");
    for secret in ["CANARY", hook["id"].as_str().unwrap(), event["id"].as_str().unwrap()] {
        assert!(!figures.contains(secret), "{secret} is in the figures");
    }
}
