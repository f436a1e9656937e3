//! Exports through the API: the same filters, rights and audit entries as in the portal.

use reqwest::{StatusCode, header};
use serde_json::Value;
use service_hooks::{
    domain::{
        event::EventType,
        permission::{Actor, right},
    },
    portal::store::tokens,
};

use crate::support::{
    app::TestApp,
    db::{self, TestDb},
    on_both,
    receiver::{Receiver, Reply},
    sql,
};

on_both!(
    an_export_has_what_matches,
    a_wrong_filter_is_named,
    payloads_need_their_permission,
    a_token_has_one_export_at_a_time,
);

const EVENT: EventType = EventType::WorkItemClosed;

/// One failed and one delivered delivery, and their hook.
async fn two(db: TestDb) -> (TestApp, String, String) {
    let mut settings = db.settings();
    settings.delivery.retry_schedule.clear();
    let app = TestApp::start_with(db.into(), db::config(settings)).await;
    let (receiver, token) = (Receiver::start().await, app.full_token().await);
    let hook = app.hook(&token, EVENT, &receiver).await["id"].as_str().unwrap().to_owned();
    receiver.reply([Reply::status(503)]);
    let failed = app.emit_sample(&token, EVENT).await;
    app.delivery_in(&token, &failed, "failed").await;
    let event = app.emit_sample(&token, EVENT).await;
    app.delivery_in(&token, &event, "delivered").await;
    (app, token, hook)
}

async fn export(app: &TestApp, token: &str, query: &str) -> reqwest::Response {
    let path = format!("/api/v1/deliveries/export{query}");
    app.request("GET", &path).bearer_auth(token).send().await.unwrap()
}

async fn text(app: &TestApp, token: &str, query: &str) -> String {
    let file = export(app, token, query).await;
    assert_eq!(file.status(), StatusCode::OK, "{query}");
    file.text().await.unwrap()
}

async fn an_export_has_what_matches(db: TestDb) {
    let (app, token, hook) = two(db).await;
    let file = export(&app, &token, "").await;
    assert_eq!(file.headers()[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    let name = file.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().to_owned();
    assert!(name.starts_with("attachment; filename=\"deliveries-until-2"), "{name}");
    assert_eq!(file.text().await.unwrap().lines().count(), 3);
    let lines = text(&app, &token, "?format=jsonl&payloads=true").await;
    let items: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let states: Vec<&str> = items.iter().map(|item| item["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["delivered", "failed"], "newest first");
    assert!(items[0]["payload"].is_object() && items[0]["hook"] == "hook", "{lines}");
    let event = items[1]["event_id"].as_str().unwrap();
    for (query, count) in [
        (format!("?format=jsonl&hook={hook}"), 2),
        ("?format=jsonl&state=failed".to_owned(), 1),
        ("?format=jsonl&answer=5xx".to_owned(), 1),
        (format!("?format=jsonl&event={event}"), 1),
        (format!("?format=jsonl&event={}", EVENT.key()), 2),
        ("?format=jsonl&from=2999-01-01T00:00:00Z".to_owned(), 0),
        ("?format=jsonl&to=2999-01-01T00:00:00Z".to_owned(), 2),
        ("?format=jsonl&text=no+such+words".to_owned(), 0),
    ] {
        assert_eq!(text(&app, &token, &query).await.lines().count(), count, "{query}");
    }
    // What was searched is not noted: it may be of people.
    let url = app.db.settings().database_url;
    for (detail, wanted) in [
        ("jsonl", 1),
        ("jsonl, with payloads", 1),
        ("jsonl, text search", 1),
        ("jsonl, ?state=failed", 1),
    ] {
        let noted = format!(
            "SELECT COUNT(*) FROM audit WHERE action = 'deliveries.exported' AND \
             detail = '{detail}'"
        );
        assert_eq!(sql::number(&url, &noted).await.unwrap(), wanted, "{detail}");
    }
    assert!(app.audit(&hook).await.iter().any(|(_, action)| action == "deliveries.exported"));
}

async fn a_wrong_filter_is_named(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let long = format!("text={}", "x".repeat(201));
    for (query, field) in [
        ("format=xml", "format"),
        ("payloads=perhaps", "payloads"),
        ("state=lost", "state"),
        ("answer=sometimes", "answer"),
        ("hook=x", "hook"),
        ("from=soon", "from"),
        (long.as_str(), "text"),
        ("limit=1", "query"),
    ] {
        let (status, problem) =
            app.api(&token, "GET", &format!("/deliveries/export?{query}"), None).await;
        assert_eq!(status, 422, "{query}: {problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
}

async fn payloads_need_their_permission(db: TestDb) {
    let (app, _token, _hook) = two(db).await;
    let token = app.token(&["deliveries:read"]).await;
    for query in ["?payloads=true", "?text=John"] {
        assert_eq!(export(&app, &token, query).await.status(), StatusCode::FORBIDDEN, "{query}");
    }
    let lines = text(&app, &token, "?format=jsonl&payloads=false").await;
    assert!(lines.lines().count() == 2 && !lines.contains("payload"), "{lines}");
}

async fn a_token_has_one_export_at_a_time(db: TestDb) {
    let (app, token, _hook) = two(db).await;
    text(&app, &token, "").await;
    let grant = Actor::portal().require(right::TokensManage).unwrap();
    let mut conn = app.running.portal.store().read().await.unwrap();
    let id = tokens::all(&mut conn, &grant).await.unwrap()[0].id.to_string();
    drop(conn);
    let running = app.running.portal.exports.take(&id).await;
    assert!(running.is_some(), "the first has ended");
    assert_eq!(export(&app, &token, "").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(running);
    text(&app, &token, "").await;
}
