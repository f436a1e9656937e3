//! What the list of deliveries offers beside its rows: exports, saved views, the chart of its
//! matches, and searches in payloads as people read them.

use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use service_hooks::{
    domain::{event::EventType, permission::Role},
    portal::store::users,
};

use super::{
    log::{page, start, words},
    own_tokens::make,
};
use crate::support::{
    app::{TestApp, location},
    db::TestDb,
    on_both,
    receiver::{Receiver, Reply},
    rows::{self, Delivered, id_at},
};

on_both!(
    an_export_has_exactly_what_the_list_shows,
    a_long_export_is_complete_and_one_at_a_time,
    a_user_saves_opens_and_removes_views,
    the_chart_counts_the_matches_and_leads_to_their_time,
    a_name_is_found_however_it_is_escaped,
);

const LOG: &str = "/integration/deliveries";
const EVENT: EventType = EventType::WorkItemClosed;

/// One failed and one delivered delivery of a hook whose name is a formula.
async fn two(db: TestDb) -> (TestApp, Receiver, String, String) {
    let (app, receiver, token) = start(db).await;
    let hook = app.hook(&token, EVENT, &receiver).await["id"].as_str().unwrap().to_owned();
    let renamed = Some(json!({"name": "=1+1, \"x\""}));
    assert_eq!(app.api(&token, "PATCH", &format!("/hooks/{hook}"), renamed).await.0, 200);
    receiver.reply([Reply::status(503)]);
    let failed = app.emit_sample(&token, EVENT).await;
    app.delivery_in(&token, &failed, "failed").await;
    let event = app.emit_sample(&token, EVENT).await;
    app.delivery_in(&token, &event, "delivered").await;
    (app, receiver, token, hook)
}

async fn an_export_has_exactly_what_the_list_shows(db: TestDb) {
    let (app, _receiver, _token, hook) = two(db).await;
    let browser = app.browser(Role::IntegrationManager).await;
    let file = browser.get(&format!("{LOG}/export?state=failed&last=24h")).await;
    assert_eq!(file.status(), StatusCode::OK);
    let name = file.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().to_owned();
    assert!(name.starts_with("attachment; filename=\"deliveries-2") && name.contains(".csv"));
    let text = file.text().await.unwrap();
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("delivery_id,event_id") && !lines[0].contains("payload"));
    assert!(lines[1].contains(",\"'=1+1, \"\"x\"\"\",failed,") && lines[1].contains(",503,"));
    let file = browser.get(&format!("{LOG}/export?format=jsonl&payloads=true")).await;
    let text = file.text().await.unwrap();
    let items: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(items.len(), 2);
    let states: Vec<&str> = items.iter().map(|item| item["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["delivered", "failed"], "newest first");
    assert!(items[0]["payload"].is_object() && items[0]["hook"] == "=1+1, \"x\"");
    let own = format!("/integration/hooks/{hook}/deliveries/export?text=nowhere");
    assert_eq!(browser.get(&own).await.text().await.unwrap().lines().count(), 1);
    for (query, status) in [("state=lost", 422), ("from=soon", 422)] {
        assert_eq!(browser.get(&format!("{LOG}/export?{query}")).await.status(), status);
    }
    // Payloads need their own permission; so does searching them.
    let auditor = app.browser(Role::Auditor).await;
    for query in ["payloads=true", "format=jsonl&payloads=true", "text=John"] {
        let refused = auditor.get(&format!("{LOG}/export?{query}")).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{query}");
    }
    let text = auditor.get(&format!("{LOG}/export?format=jsonl")).await.text().await.unwrap();
    assert!(text.lines().count() == 2 && !text.contains("payload"), "{text}");
    assert_eq!(app.audit("deliveries.exported").await.len(), 3, "each of all hooks is noted");
    assert!(!app.audit(&hook).await.is_empty());
    app.assert_balanced().await;
}

/// Delivered rows of a year ago, one each second.
async fn many(app: &TestApp, hook: &str, count: u64) {
    let row = |number: u64| Delivered {
        id: id_at(1_700_000_000_000 + number * 1000, 1),
        event: id_at(1_700_000_000_000 + number * 1000, 0),
        hook: hook.parse().unwrap(),
        event_type: "work_item.closed",
        state: if number.is_multiple_of(2) { "delivered" } else { "failed" },
        class: Some(if number.is_multiple_of(2) { "success" } else { "timeout" }),
        status: None,
        is_test: false,
        body: "{}".to_owned(),
    };
    let made: Vec<Delivered> = (0..count).map(row).collect();
    rows::insert(&app.db.settings().database_url(), &made).await.unwrap();
}

async fn a_long_export_is_complete_and_one_at_a_time(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = app.hook(&token, EVENT, &receiver).await["id"].as_str().unwrap().to_owned();
    many(&app, &hook, 2600).await;
    let browser = app.browser(Role::Administrator).await;
    let text = browser.get(&format!("{LOG}/export?payloads=true")).await.text().await.unwrap();
    let ids: std::collections::BTreeSet<&str> =
        text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!((text.lines().count(), ids.len()), (2601, 2600));
    let text = browser.get(&format!("{LOG}/export?state=failed")).await.text().await.unwrap();
    assert_eq!(text.lines().count(), 1301);
    // While one is running, a second one of the same user is refused.
    let (own_token, _) = make(&browser, &["deliveries:read"]).await;
    let mut conn = app.running.portal.store().read().await.unwrap();
    let user = users::by_email(&mut conn, "administrator@example.org").await.unwrap().unwrap();
    drop(conn);
    let running = app.running.portal.exports.take(&user.user.id.to_string()).await;
    assert!(running.is_some(), "the others have ended");
    assert_eq!(browser.get(&format!("{LOG}/export")).await.status(), 503);
    let by_token = app.api(&own_token, "GET", "/deliveries/export", None).await;
    assert_eq!(by_token.0, 503, "a user's tokens share the user's limit: {}", by_token.1);
    let other = app.browser(Role::Auditor).await;
    assert_eq!(other.get(&format!("{LOG}/export")).await.status(), StatusCode::OK);
    drop(running);
    assert_eq!(browser.get(&format!("{LOG}/export")).await.status(), StatusCode::OK);
}

async fn a_user_saves_opens_and_removes_views(db: TestDb) {
    let (app, _receiver, _token, _hook) = two(db).await;
    let browser = app.browser(Role::Auditor).await;
    let save = "/rpc/service_hooks/rpc/log/save_view";
    let form = [("name", " Fails   today "), ("query", "state=failed&last=24h&before=x&evil=1")];
    let saved = browser.post(save, &form).await;
    assert_eq!(location(&saved), format!("{LOG}?state=failed&last=24h"));
    let text = page(&browser, LOG).await;
    assert!(words(&text).contains("View \"Fails today\" saved."), "{}", words(&text));
    assert!(text.contains(&format!("href=\"{LOG}?state=failed&amp;last=24h\"")), "{text}");
    // The same name replaces the view.
    browser.post(save, &[("name", "Fails today"), ("query", "state=held")]).await;
    let text = page(&browser, LOG).await;
    assert!(text.contains("?state=held\"") && text.matches("Remove Fails").count() <= 1);
    browser.post(save, &[("name", ""), ("query", "state=held")]).await;
    assert!(words(&page(&browser, LOG).await).contains("Enter a name for the view"));
    // Another user neither sees nor removes it.
    let id = text.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let other = app.browser(Role::Administrator).await;
    let remove = "/rpc/service_hooks/rpc/log/remove_view";
    assert!(!page(&other, LOG).await.contains("Fails today"));
    other.post(remove, &[("id", id)]).await;
    assert!(page(&browser, LOG).await.contains("Fails today"));
    browser.post(remove, &[("id", id)]).await;
    assert!(!page(&browser, LOG).await.contains("Fails today"));
}

async fn the_chart_counts_the_matches_and_leads_to_their_time(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = app.hook(&token, EVENT, &receiver).await["id"].as_str().unwrap().to_owned();
    let browser = app.browser(Role::Auditor).await;
    assert!(!page(&browser, LOG).await.contains("live-histogram"), "nothing to show");
    many(&app, &hook, 300).await;
    let (from, to) = ("2023-11-14T22:13:00Z", "2023-11-14T22:19:00Z");
    let text = page(&browser, &format!("{LOG}?from={from}&to={to}&rows=25")).await;
    assert!(words(&text).contains("300 match"), "{}", words(&text));
    assert_eq!(text.matches("<tr id=\"row-").count(), 25);
    let text = page(&browser, &format!("{LOG}?state=failed&from={from}&to={to}")).await;
    assert!(words(&text).contains("150 match"), "{}", words(&text));
    // The bars add up, and each leads to as many rows as it says.
    let list = text.split("Deliveries over time, as text").nth(1).unwrap();
    let list = list.split("</ul>").next().unwrap();
    let mut sum = 0;
    for item in list.split("<a href=\"").skip(1) {
        let (href, rest) = item.split_once('"').unwrap();
        let said = rest.split(": ").nth(1).unwrap().split(' ').next().unwrap();
        let said: usize = said.parse().unwrap();
        let there = page(&browser, &href.replace("&amp;", "&")).await;
        assert_eq!(there.matches("<tr id=\"row-").count(), said, "{item}");
        sum += said;
    }
    assert_eq!(sum, 150);
    many_more(&app, &hook).await;
    let text = page(&browser, &format!("{LOG}?to={to}")).await;
    let read = words(&text);
    assert!(read.contains("more than 10,000 match") && read.contains("estimated"), "{read}");
}

/// More than are counted one by one, before the others.
async fn many_more(app: &TestApp, hook: &str) {
    let many = crate::support::rare::below_many(hook.parse().unwrap(), 1_690_000_000_000, 10_500);
    rows::insert(&app.db.settings().database_url(), &many).await.unwrap();
}

async fn a_name_is_found_however_it_is_escaped(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    app.hook(&token, EVENT, &receiver).await;
    let sample = service_hooks::engine::catalogue::sample(EVENT);
    for name in ["Kov\\u00e1cs \\/ Anna", "Kovács / Anna", "KOVA\\u0301CS / ANNA"] {
        let data = sample.replacen('{', &format!("{{\"who\":\"{name}\","), 1);
        let body = format!("{{\"type\":\"{}\",\"data\":{data}}}", EVENT.key());
        let sent = app.request("POST", "/api/v1/events").bearer_auth(&token);
        let sent = sent.header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(sent.status(), 202, "{}", sent.text().await.unwrap());
    }
    let browser = app.browser(Role::Administrator).await;
    for (text, wanted) in [
        ("kovács / anna", 3),
        ("KOVACS", 3),
        ("\"who\": \"Kov", 3),
        ("Kovacz", 0),
        (&"é".repeat(200), 0),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let found = page(&browser, &format!("{LOG}?text={query}")).await;
        assert_eq!(found.matches("<tr id=\"row-").count(), wanted, "{text}");
        assert!(!found.contains("There is a problem"), "{text}");
    }
    let long: String = "a".repeat(201);
    let found = page(&browser, &format!("{LOG}?text={long}")).await;
    assert!(words(&found).contains("at most 200 characters"));
}
