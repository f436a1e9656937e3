//! A portal that executes all its operations, and so all its statements.

use std::time::Duration;

use serde_json::json;
use service_hooks::{
    domain::{
        event::EventType,
        permission::{Actor, Role, right},
    },
    engine::{clock::Clock, dispatcher::Config, store::log},
};
use uuid::Uuid;

use super::{WEIGHS_ONE, heard::Heard};
use crate::{
    engine::scene::{Hook, Scene},
    support::{
        app::{Browser, TestApp},
        db::{self, TestDb},
        rare::below_many,
        receiver::{Receiver, Reply},
        rows, sql, within,
    },
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const PATIENCE: u64 = 120;

pub async fn live(db: TestDb, heard: &Heard) -> Scene {
    let mut settings = db.settings();
    settings.retention.every = Duration::from_millis(50);
    settings.delivery.pause_after = 3;
    let clock = Clock::test(Clock::System.now());
    let config = Config { clock: clock.clone(), ..db::config(settings.clone()) };
    let app = TestApp::start_with(db.into(), config).await;
    let token = app.full_token().await;
    let scene = Scene { app, token, settings };
    let (well, down) = (Receiver::start().await, Receiver::ruled(|_| Reply::status(500)).await);
    let ordered = scene.hook(&well, json!({"order_by": "customerIdentifier"})).await;
    let failing = scene.hook(&down, json!({})).await;
    fill(&scene, &failing, &clock, heard).await;
    deliver(&scene, &ordered, &failing, &clock).await;
    // More rows than one part of a count, and of the sum for one hook.
    let began = u64::try_from(clock.now().0).unwrap() - 3_600_000;
    let many = below_many(ordered.id.parse().unwrap(), began, 10_500);
    rows::insert(&scene.settings.database_url(), &many).await.unwrap();
    look_at_everything(&scene, &[&ordered, &failing]).await;
    send_again(&scene, &failing, &clock).await;
    grow_old(&scene, &failing, &clock).await;
    scene
}

/// A hook is paused, and has more waiting deliveries than the query for all hooks counts.
async fn fill(scene: &Scene, failing: &Hook, clock: &Clock, heard: &Heard) {
    scene.emit_some(20).await;
    passes(clock, "the hook is paused", async || {
        let hook = scene.get(&failing.path).await;
        (hook["health"]["state"] == "paused").then_some(())
    })
    .await;
    scene.emit_some(1100).await;
    // The clock stands still: the pause does not end, and everything keeps waiting.
    within(PATIENCE, "the long queue is weighed", async || {
        heard.statements().iter().any(|statement| statement.contains(WEIGHS_ONE)).then_some(())
    })
    .await;
}

/// Events arrive, fail, wait, are held, skipped and cancelled.
async fn deliver(scene: &Scene, ordered: &Hook, failing: &Hook, clock: &Clock) {
    let event = scene.emit_one().await;
    let request = scene.app.request("POST", "/api/v1/events").bearer_auth(&scene.token);
    let request =
        request.header("idempotency-key", "a key").header("content-type", "application/json");
    let body = crate::engine::scene::batch(&crate::engine::scene::names(1))[0].to_string();
    assert_eq!(request.body(body).send().await.unwrap().status(), 202);
    passes(clock, "the others arrived", async || {
        (scene.count("delivered").await >= 1121).then_some(())
    })
    .await;
    scene.get(&format!("/events/{event}")).await;
    assert_eq!(scene.ask("POST", &format!("{}/test", ordered.path), json!({})).await.0, 200);
    let gone = scene
        .hook(
            &Receiver::start().await,
            json!({"enabled": false, "event_type": "outbound_call.initiated"}),
        )
        .await;
    scene.app.emit_sample(&scene.token, EventType::OutboundCallInitiated).await;
    scene.change(failing, json!({"enabled": false})).await;
    scene.emit_some(3).await;
    scene.change(failing, json!({"enabled": true, "retry_schedule": []})).await;
    passes(clock, "some failed", async || (scene.count("failed").await > 0).then_some(())).await;
    scene.change(&gone, json!({"enabled": true})).await;
    assert_eq!(scene.app.api(&scene.token, "DELETE", &gone.path, None).await.0, 204);
}

/// Every page and every list, with and without filters.
async fn look_at_everything(scene: &Scene, hooks: &[&Hook]) {
    let browser = scene.app.browser(Role::Administrator).await;
    let mut paths: Vec<String> = [
        "hooks",
        "hooks/new",
        "deliveries",
        "undelivered",
        "dismissed",
        "jobs",
        "events",
        "deliveries/recover",
    ]
    .map(|page| format!("/integration/{page}"))
    .into();
    paths.extend(
        [
            "/account",
            "/search?q=01999999-99&list=on",
            "/status",
            "/metrics",
            "/integration/deliveries/recover?since=24h&failed=true&skipped=true",
        ]
        .map(str::to_owned),
    );
    let filters = log_filters();
    for hook in hooks {
        let page = format!("/integration/hooks/{}", hook.id);
        paths.extend(
            ["", "/settings", "/test", "/delete", "/deliveries", "/recover"]
                .map(|part| format!("{page}{part}")),
        );
        paths.push(format!(
            "{page}/recover?since=24h&failed=true&skipped=true&delivered=true&answer=server_error"
        ));
        paths.extend(filters.iter().map(|filter| format!("{page}/deliveries?{filter}")));
    }
    paths.extend(filters.iter().map(|filter| format!("/integration/deliveries?{filter}")));
    for path in paths {
        let status = browser.get(&path).await.status();
        assert!(status.is_success() || status.is_redirection(), "{path}: {status}");
    }
    draft(&browser).await;
    browser.post("/rpc/service_hooks/rpc/account/end_other_sessions", &[]).await;
    for path in
        ["/hooks", "/jobs", "/deliveries?state=failed", "/deliveries?limit=1", "/event-types"]
    {
        scene.get(path).await;
    }
    let grant = Actor::portal().require(right::DeliveriesRead).unwrap();
    let mut conn = scene.app.running.portal.store().read().await.unwrap();
    let cut = log::newest(&mut conn, &grant).await.unwrap().unwrap();
    for place in [log::Place::Newest, log::Place::Before(cut), log::Place::After(cut)] {
        log::page(&mut conn, &grant, &log::Search::default(), place, 50).await.unwrap();
    }
}

fn log_filters() -> Vec<String> {
    let outcomes = service_hooks::domain::log::OUTCOMES
        .iter()
        .map(|outcome| format!("outcome={}", outcome.key));
    let answers = service_hooks::domain::log::AnswerGroup::ALL
        .iter()
        .map(|answer| format!("answer={}", answer.key()));
    let mut filters: Vec<String> = outcomes.chain(answers).collect();
    filters.push(format!("event={}", Uuid::nil()));
    filters.push("event_type=outbound_call.initiated".to_owned());
    filters
}

/// A rejected form is stored as a draft.
async fn draft(browser: &Browser) {
    let form = [
        ("name", ""),
        ("event_type", "work_item.closed"),
        ("callback_url", "nonsense"),
        ("api_key", "k"),
        ("enabled", "true"),
    ];
    let answer = browser.post("/rpc/service_hooks/rpc/hooks/create", &form).await;
    let address = crate::support::app::location(&answer).to_owned();
    assert!(address.contains("draft="), "{address}");
    let page = address.split('#').next().unwrap_or_default();
    let page = browser.get(page).await.text().await.unwrap();
    assert!(page.contains("There is a problem"), "{page}");
}

async fn send_again(scene: &Scene, failing: &Hook, clock: &Clock) {
    let dismiss = json!({"state": "failed", "answer": "5xx", "reason": "Not needed"});
    let (status, dismissed) =
        scene.ask("POST", &format!("{}/dismiss", failing.path), dismiss).await;
    assert_eq!(status, 200, "{dismissed}");
    let undo = format!("/dismissals/{}/undo", dismissed["id"].as_str().unwrap());
    assert_eq!(scene.ask("POST", &undo, json!({})).await.0, 200);
    scene.get("/dismissals").await;
    let scope = json!({"since": "2020-01-01T00:00:00Z", "per_second": 1000, "dry_run": true});
    assert_eq!(scene.ask("POST", &format!("{}/recover", failing.path), scope).await.0, 200);
    let page = scene.get(&format!("/deliveries?hook={}&state=failed&limit=1", failing.id)).await;
    let one = page["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(scene.ask("POST", &format!("/deliveries/{one}/redeliver"), json!({})).await.0, 202);
    for scope in [
        json!({"hook": failing.id, "states": ["failed", "skipped"], "per_second": 1000}),
        json!({"event": "outbound_call.initiated", "states": ["delivered"], "per_second": 1000}),
    ] {
        let (status, job) = scene.ask("POST", "/deliveries/redeliver", scope).await;
        assert_eq!(status, 202, "{job}");
        let path = format!("/jobs/{}", job["id"].as_str().unwrap());
        passes(clock, "the job is done", async || {
            (scene.get(&path).await["state"] == "done").then_some(())
        })
        .await;
    }
}

/// Retention removes everything that it can.
async fn grow_old(scene: &Scene, failing: &Hook, clock: &Clock) {
    assert_eq!(scene.app.api(&scene.token, "DELETE", &failing.path, None).await.0, 204);
    // Bodies are deleted before their rows.
    clock.advance(DAY * 40);
    let url = scene.settings.database_url();
    let gone = async |what: &str, question: &str| {
        passes(clock, what, async || {
            (sql::number(&url, question).await.unwrap() == 0).then_some(())
        })
        .await;
    };
    gone("the bodies are removed", "SELECT COUNT(*) FROM events WHERE pruned_at IS NULL").await;
    clock.advance(DAY * 500);
    for table in [
        "deliveries",
        "events",
        "attempts",
        "audit",
        "sessions",
        "drafts",
        "idempotency",
        "hours",
        "latencies",
    ] {
        gone(&format!("{table} are removed"), &format!("SELECT COUNT(*) FROM {table}")).await;
    }
    scene.app.assert_balanced().await;
}

/// Waits while the clock advances.
async fn passes(clock: &Clock, what: &str, mut check: impl AsyncFnMut() -> Option<()>) {
    within(PATIENCE, what, async || {
        clock.advance(Duration::from_secs(1));
        check().await
    })
    .await;
}
