//! The list of hooks and a hook's page: figures, names, all that match, and a throttled hook.

use serde_json::json;
use service_hooks::domain::{event::EventType, permission::Role};

use crate::support::{
    app::{Browser, TestApp, location},
    db::TestDb,
    eventually, on_both,
    receiver::{Receiver, Reply},
};

on_both!(
    figures_and_the_last_success_count_what_their_links_show,
    names_sort_naturally_and_are_found_without_accents,
    all_hooks_that_match_are_turned_on_after_a_question,
    a_throttled_hook_is_throttled_on_pages_and_in_the_api,
    a_test_is_mentioned_where_no_event_was_sent,
);

const LIST: &str = "/integration/hooks";

/// A page without the markers between text nodes.
async fn text(browser: &Browser, path: &str) -> String {
    let answer = browser.get(path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap().replace("<!>", "")
}

async fn make(app: &TestApp, token: &str, name: &str, url: &str, enabled: bool) -> String {
    let event = EventType::WorkItemClosed.key();
    let body = json!({"name": name, "event_type": event, "callback_url": url, "api_key": "k",
        "enabled": enabled});
    let (status, hook) = app.api(token, "POST", "/hooks", Some(body)).await;
    assert_eq!(status, 201, "{hook}");
    hook["id"].as_str().unwrap().to_owned()
}

/// The element with this id, up to the next tag of its kind.
fn element<'a>(page: &'a str, id: &str) -> &'a str {
    let start = page.split(&format!("id=\"{id}\"")).nth(1).unwrap_or_default();
    start.split("</a>").next().unwrap_or_default()
}

async fn figures_and_the_last_success_count_what_their_links_show(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let browser = app.browser(Role::Administrator).await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::status(503), Reply::status(200)]);
    let hook = make(&app, &token, "Works", &receiver.url("/in"), true).await;
    let off = make(&app, &token, "Off", &receiver.url("/off"), false).await;
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    let is_in = async |state: &str| {
        let (_, story) = app.api(&token, "GET", &format!("/events/{event}"), None).await;
        story["deliveries"].as_array()?.iter().any(|one| one["state"] == state).then_some(())
    };
    eventually("the first attempt fails", async || is_in("waiting").await).await;
    app.api(&token, "POST", &format!("/hooks/{hook}/try-now"), Some(json!({}))).await;
    eventually("the second attempt succeeds", async || is_in("delivered").await).await;

    let list = text(&browser, LIST).await;
    assert!(element(&list, "live-delivered").contains(">1<"), "{list}");
    assert!(element(&list, "live-rate").contains("50 %"), "{list}");
    let href = element(&list, "live-delivered").split("href=\"").nth(1).unwrap();
    let href = href.split('"').next().unwrap().replace("&amp;", "&");
    let deliveries = text(&browser, &href).await;
    assert_eq!(deliveries.matches("data-label=\"Result\"").count(), 1, "{href}: {deliveries}");
    // The other hook has only a skipped delivery: it was never attempted.
    let row = |id: &str| list.split(&format!("id=\"h-{id}\"")).nth(1).unwrap().to_owned();
    let last = |row: String| {
        let cell = row.split("data-label=\"Last success\"").nth(1).unwrap().to_owned();
        cell.split("</td>").next().unwrap().to_owned()
    };
    assert!(last(row(&hook)).contains("<time") && last(row(&hook)).contains("Last attempt: "));
    assert!(!last(row(&off)).contains("<time"), "a skipped delivery is no attempt");

    let page = text(&browser, &format!("{LIST}/{hook}")).await;
    assert!(page.contains("1 of 2") && page.contains("Why it fails"), "{page}");
    // Each column of the chart leads to the events of its time, and says its values.
    let bars = page.split("class=\"slots-over\"").nth(1).unwrap();
    let href = bars.split("<a href=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(bars.contains("1 succeeded, 1 failed"), "{bars}");
    let deliveries = text(&browser, &href.replace("&amp;", "&")).await;
    assert!(deliveries.contains("data-label=\"Result\""), "{href}");
}

async fn names_sort_naturally_and_are_found_without_accents(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let browser = app.browser(Role::Administrator).await;
    for name in ["Hook 10", "Kovács CRM", "hook 9", "Ärger", "Zebra"] {
        make(&app, &token, name, "https://example.com/", false).await;
    }
    let list = text(&browser, &format!("{LIST}?sort=name")).await;
    let at = |name: &str| list.find(&format!("Select {name}")).unwrap_or_else(|| panic!("{name}"));
    let order = ["Ärger", "hook 9", "Hook 10", "Kovács CRM", "Zebra"].map(at);
    assert!(order.is_sorted(), "{order:?}");
    for typed in ["kovacs", "KOV%C3%81CS", "k%C3%B4vacs"] {
        let found = text(&browser, &format!("{LIST}?q={typed}")).await;
        assert!(found.contains("1 of 5 hooks") && found.contains("Kovács"), "{typed}");
    }
    // Each status has its number of hooks.
    assert!(list.contains(">All 5</a>") && list.contains(">Off 5</a>"), "{list}");
}

async fn all_hooks_that_match_are_turned_on_after_a_question(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let browser = app.browser(Role::Administrator).await;
    for number in 0..53 {
        make(&app, &token, &format!("Archive {number}"), "https://example.com/", false).await;
    }
    make(&app, &token, "Other", "https://example.com/", false).await;
    let list = text(&browser, &format!("{LIST}?q=archive")).await;
    assert!(list.contains("/integration/hooks/switch?q=archive&amp;enabled=true"), "{list}");
    let asked = text(&browser, "/integration/hooks/switch?q=archive&enabled=true").await;
    assert!(asked.contains("Turn on all 53 hooks that match?"), "{asked}");
    let path = "/rpc/service_hooks/rpc/hooks/set_enabled_matching";
    let form = [("q", "archive"), ("status", ""), ("enabled", "true")];
    let answer = browser.post(path, &form).await;
    assert_eq!(
        (answer.status().as_u16(), location(&answer)),
        (303, "/integration/hooks?q=archive")
    );
    let (_, hooks) = app.api(&token, "GET", "/hooks?limit=100", None).await;
    let on = |hook: &&serde_json::Value| hook["enabled"] == true;
    assert_eq!(hooks["items"].as_array().unwrap().iter().filter(on).count(), 53);
    let again = text(&browser, "/integration/hooks/switch?q=archive&enabled=true").await;
    assert!(again.contains("Nothing to change"), "{again}");
}

async fn a_throttled_hook_is_throttled_on_pages_and_in_the_api(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let browser = app.browser(Role::Administrator).await;
    let busy = Receiver::ruled(|_| Reply {
        headers: vec![("retry-after", "3000".to_owned())],
        ..Reply::status(429)
    })
    .await;
    let hook = make(&app, &token, "Busy", &busy.url("/in"), true).await;
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    eventually("the API says so", async || {
        let (_, hook) = app.api(&token, "GET", &format!("/hooks/{hook}"), None).await;
        (hook["health"]["state"] == "throttled").then_some(())
    })
    .await;
    let page = text(&browser, &format!("{LIST}/{hook}")).await;
    assert!(page.contains("The receiver asked for a pause until "), "{page}");
    assert!(!page.contains("No events were sent"), "{page}");
    assert!(text(&browser, LIST).await.contains("Throttled"));
}

async fn a_test_is_mentioned_where_no_event_was_sent(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let browser = app.browser(Role::Administrator).await;
    let receiver = Receiver::start().await;
    let hook = make(&app, &token, "Tested", &receiver.url("/in"), true).await;
    app.api(&token, "POST", &format!("/hooks/{hook}/test"), None).await;
    for tab in ["", "/deliveries", "/test", "/recover", "/settings"] {
        let page = text(&browser, &format!("{LIST}/{hook}{tab}")).await;
        assert!(page.contains("No events were sent in the last 24 hours."), "{tab}: {page}");
        assert!(page.contains("The last test succeeded "), "{tab}: {page}");
        assert_eq!(page.matches("<h1>").count(), 1, "{tab}");
    }
}
