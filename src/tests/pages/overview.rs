//! The list of hooks, a hook's page and the status page, in a browser without scripts.

use serde_json::json;
use service_hooks::domain::{event::EventType, permission::Role};

use crate::support::{
    app::{Browser, TestApp, location},
    db::TestDb,
    eventually, on_both,
    receiver::{Receiver, Reply},
};

on_both!(
    the_list_can_be_filtered_sorted_and_paginated,
    every_event_has_its_row,
    several_hooks_are_turned_on_at_once,
    a_hooks_page_shows_its_status_and_its_statistics,
    the_status_page_shows_its_checks,
);

const LIST: &str = "/integration/hooks";
const MANY: &str = "/rpc/service_hooks/rpc/hooks/set_enabled_many";

/// A page without the markers between text nodes.
async fn text(browser: &Browser, path: &str) -> String {
    let answer = browser.get(path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap().replace("<!>", "")
}

/// Creates a hook with a name, for an event type, and returns its id.
async fn make(
    app: &TestApp,
    token: &str,
    name: &str,
    event: EventType,
    url: &str,
    enabled: bool,
) -> String {
    let body = json!({"name": name, "event_type": event.key(), "callback_url": url, "api_key": "k",
        "enabled": enabled});
    let (status, hook) = app.api(token, "POST", "/hooks", Some(body)).await;
    assert_eq!(status, 201, "{hook}");
    hook["id"].as_str().unwrap().to_owned()
}

/// The hooks of a page, in order.
fn names(page: &str) -> Vec<String> {
    let rows = page.split("class=\"hook\"").skip(1);
    rows.map(|row| {
        row.split("<th scope=\"row\" class=\"named\">").nth(1).unwrap().split('>').nth(1).unwrap()
    })
    .map(|name| name.split('<').next().unwrap().to_owned())
    .collect()
}

async fn the_list_can_be_filtered_sorted_and_paginated(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let browser = app.browser(Role::Administrator).await;
    let receiver = Receiver::start().await;
    let failing = Receiver::ruled(|_| Reply::status(503)).await;
    let url = receiver.url("/in");
    make(&app, &token, "Bravo", EventType::WorkItemClosed, &failing.url("/in"), true).await;
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    failing.wait_for(1).await;
    make(&app, &token, "alpha", EventType::ConversationAbandoned, &url, true).await;
    make(
        &app,
        &token,
        "Charlie & <co>",
        EventType::ConversationAbandoned,
        "https://example.com/in",
        false,
    )
    .await;

    assert_eq!(names(&text(&browser, LIST).await), ["alpha", "Charlie &amp; &lt;co&gt;", "Bravo"]);
    let by_name = text(&browser, &format!("{LIST}?sort=name")).await;
    assert_eq!(names(&by_name), ["alpha", "Bravo", "Charlie &amp; &lt;co&gt;"]);
    assert!(by_name.contains("aria-sort=\"ascending\""));
    let failing = eventually("its status is degraded", async || {
        let page = text(&browser, &format!("{LIST}?status=failing")).await;
        (!names(&page).is_empty()).then_some(page)
    });
    let failing = failing.await;
    assert_eq!(names(&failing), ["Bravo"]);
    assert!(
        failing.contains("Degraded")
            && failing.contains("Last response: 503")
            && failing.contains("1 of 3 hooks")
    );
    assert_eq!(
        names(&text(&browser, &format!("{LIST}?sort=condition")).await)[0],
        "Bravo",
        "worst first"
    );
    assert_eq!(
        names(&text(&browser, &format!("{LIST}?sort=last")).await)[0],
        "Bravo",
        "most recent first"
    );
    for (query, found) in [
        ("q=EXAMPLE.com", 1),
        ("q=abandoned", 2),
        ("q=%3Cco%3E", 1),
        ("status=off", 1),
        ("q=nothing-at-all", 0),
    ] {
        assert_eq!(
            names(&text(&browser, &format!("{LIST}?{query}")).await).len(),
            found,
            "{query}"
        );
    }
    let none = text(&browser, &format!("{LIST}?q=nothing-at-all")).await;
    assert!(
        none.contains("No matching hooks or event types.")
            && none.contains("value=\"nothing-at-all\"")
    );

    for number in 0..51 {
        make(
            &app,
            &token,
            &format!("bulk {number:02}"),
            EventType::OutboundCallInitiated,
            "https://example.com/",
            false,
        )
        .await;
    }
    let (first, second) =
        (text(&browser, LIST).await, text(&browser, &format!("{LIST}?page=2")).await);
    assert_eq!((names(&first).len(), names(&second).len()), (50, 4));
    assert!(first.contains("Page 1 of 2") || first.contains("href=\"/integration/hooks?page=2\""));
    assert_eq!(
        names(&text(&browser, &format!("{LIST}?page=99")).await),
        names(&second),
        "the last page"
    );
}

async fn every_event_has_its_row(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let browser = app.browser(Role::Administrator).await;
    let empty = text(&browser, LIST).await;
    assert!(empty.contains("Get started"));
    for event in EventType::ALL {
        let wanted = [
            event.name().to_owned(),
            format!("/integration/hooks/new?event={}", event.key()),
            format!("/integration/events/{}/schema.json", event.key()),
        ];
        assert!(wanted.iter().all(|wanted| empty.contains(wanted)), "{event}");
    }
    let receiver = Receiver::start().await;
    app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let page = text(&browser, LIST).await;
    assert!(page.contains("Get started") && page.contains("Done: "), "nothing was delivered yet");
    assert_eq!(page.matches("Not set up</span>").count(), 2);
    let not_set_up = text(&browser, &format!("{LIST}?status=not-set-up")).await;
    assert!(names(&not_set_up).is_empty() && !not_set_up.contains("<code>work_item.closed</code>"));
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    app.delivery_in(&token, &event, "delivered").await;
    let page = text(&browser, LIST).await;
    assert!(!page.contains("Get started") && page.contains("aria-label=\"1 succeeded, 0 failed\""));
    // Users who may not change hooks have no checkbox, no switch and no button for it.
    let auditor = text(&app.browser(Role::Auditor).await, LIST).await;
    assert!(auditor.contains("Healthy"));
    assert!(
        !auditor.contains("ids[]")
            && !auditor.contains("set_enabled")
            && !auditor.contains("Set up")
    );
}

async fn several_hooks_are_turned_on_at_once(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let browser = app.browser(Role::Administrator).await;
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        ids.push(
            make(&app, &token, name, EventType::WorkItemClosed, "https://example.com/", false)
                .await,
        );
    }
    let are_on = async || {
        let (_, hooks) = app.api(&token, "GET", "/hooks", None).await;
        hooks["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hook| hook["enabled"] == true)
            .collect::<Vec<_>>()
    };
    let gone = "01900000-0000-7000-8000-000000000000";
    let form = [
        ("ids[]", ids[0].as_str()),
        ("ids[]", ids[2].as_str()),
        ("ids[]", gone),
        ("ids[]", "x"),
        ("enabled", "true"),
    ];
    let answer = browser.post(MANY, &form).await;
    assert_eq!((answer.status().as_u16(), location(&answer)), (303, LIST));
    assert!(text(&browser, LIST).await.contains("2 hooks turned on."));
    assert_eq!(are_on().await, [true, false, true]);
    browser.post(MANY, &[("ids[]", ids[2].as_str()), ("enabled", "false")]).await;
    assert!(text(&browser, LIST).await.contains("\"three\" turned off."));
    assert_eq!(are_on().await, [true, false, false]);
    browser.post(MANY, &[("enabled", "true")]).await;
    assert!(text(&browser, LIST).await.contains("No hooks selected."));
    assert_eq!(app.audit(&ids[2]).await.len(), 3, "made, on, off");
}

async fn a_hooks_page_shows_its_status_and_its_statistics(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let browser = app.browser(Role::Administrator).await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::status(500), Reply::status(503), Reply::status(200)]);
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{LIST}/{hook}");
    assert!(text(&browser, &path).await.contains("Nothing was sent in the last 24 hours."));
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    app.delivery_in(&token, &event, "delivered").await;
    let page = text(&browser, &path).await;
    assert!(page.contains("1 of 3 attempts succeeded in the last 24 hours."), "{page}");
    assert!(page.contains("1 succeeded, 2 failed") && page.contains("5xx server error"));
    assert!(page.contains("class=\"chart\"") && page.contains("Show as table"));
    for range in ["7d", "30d", "nonsense"] {
        assert!(
            text(&browser, &format!("{path}?range={range}"))
                .await
                .contains("1 succeeded, 2 failed"),
            "{range}"
        );
    }
    let csv = browser.get(&format!("{path}/measured.csv?range=7d")).await;
    assert_eq!(csv.headers()["content-disposition"], "attachment; filename=\"attempts-7d.csv\"");
    let csv = csv.text().await.unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!((lines.len(), lines[0]), (29, "from,succeeded,failed,p50_ms,p95_ms"));
    assert!(lines[28].contains(",1,2,"), "{csv}");
    app.api(&token, "PATCH", &format!("/hooks/{hook}"), Some(json!({"enabled": false}))).await;
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    let page = text(&browser, &path).await;
    assert!(page.contains("New events are skipped") && page.contains("1 event skipped"), "{page}");
}

async fn the_status_page_shows_its_checks(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let browser = app.browser(Role::Developer).await;
    make(&app, &token, "off", EventType::WorkItemClosed, "https://example.com/", false).await;
    let (status, _) = app.api(&token, "GET", "/hooks", None).await;
    assert_eq!(status, 200);
    let page = text(&browser, "/status").await;
    for wanted in [
        "Accepting and delivering events.",
        "No deliveries waiting.",
        "1 off.",
        "0 accepted = 0 + 0 pruned.",
        env!("CARGO_PKG_VERSION"),
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert!(page.contains("SQLite 3.") || page.contains("PostgreSQL "), "{page}");
}
