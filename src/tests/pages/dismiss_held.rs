//! Dismissing held events: they are not sent when their hook is on again. Each held event is either
//! sent or dismissed, even when both begin at the same time.

use serde_json::{Value, json};
use service_hooks::domain::{event::EventType, permission::Role};

use super::{
    held::{job_is, off, recover, switch},
    log::{page, shown, start, words},
};
use crate::support::{
    app::{TestApp, location},
    db::TestDb,
    eventually, on_both,
    receiver::{Receiver, Reply},
    sql,
};

on_both!(
    dismissed_held_events_are_not_sent_until_they_are_brought_back,
    an_event_is_either_dismissed_or_sent,
    an_event_under_way_that_arrives_is_not_dismissed,
    an_event_under_way_that_fails_stays_dismissed,
    held_events_without_payload_or_hook_are_not_brought_back,
);

const RPC: &str = "/rpc/service_hooks/rpc";

/// A hook that is off and holds three events.
async fn holding(app: &TestApp, token: &str, receiver: &Receiver) -> String {
    let hook = off(app, token, receiver).await;
    let job = recover(app, token, &hook).await;
    job_is(app, token, &job, |job| job["results"]["held_off"] == 3).await;
    hook
}

async fn dismiss(app: &TestApp, token: &str, hook: &str) -> Value {
    let why = json!({"state": "held", "reason": "Called back"});
    let (status, dismissal) =
        app.api(token, "POST", &format!("/hooks/{hook}/dismiss"), Some(why)).await;
    assert_eq!(status, 200, "{dismissal}");
    dismissal
}

/// The deliveries of a hook in a state.
async fn in_state(app: &TestApp, token: &str, hook: &str, state: &str) -> Vec<Value> {
    let path = format!("/deliveries?hook={hook}&state={state}&limit=200");
    let (_, page) = app.api(token, "GET", &path, None).await;
    page["items"].as_array().unwrap().clone()
}

async fn until(app: &TestApp, token: &str, hook: &str, state: &str, number: usize) {
    eventually("the hook has so many in this state", async || {
        (in_state(app, token, hook, state).await.len() == number).then_some(())
    })
    .await;
}

async fn dismissed_held_events_are_not_sent_until_they_are_brought_back(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = holding(&app, &token, &receiver).await;
    let browser = app.browser(Role::Administrator).await;
    let inbox = page(&browser, "/integration/undelivered").await;
    let ask = format!("/integration/hooks/{hook}/dismiss?state=held");
    assert!(inbox.contains(&ask.replace('&', "&amp;")), "{inbox}");
    let text = words(&page(&browser, &ask).await);
    assert!(text.contains("Dismiss 3 events?") && text.contains("Held: the hook is off"), "{text}");
    let form = [("id", hook.as_str()), ("state", "held"), ("reason", "Called back")];
    let done = browser.post(&format!("{RPC}/dismissals/dismiss"), &form).await;
    assert_eq!(location(&done), "/integration/undelivered");
    let inbox = words(&page(&browser, "/integration/undelivered").await);
    assert!(inbox.contains("3 events dismissed."), "{inbox}");
    assert!(inbox.contains("Everything has been delivered."), "{inbox}");
    app.assert_balanced().await;
    let noted = app.audit(&hook).await;
    assert!(noted.iter().any(|(_, action)| action == "delivery.dismissed"), "{noted:?}");
    // A new event is sent, and the dismissed ones are not.
    switch(&app, &token, &hook, true).await;
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    until(&app, &token, &hook, "delivered", 1).await;
    assert_eq!(in_state(&app, &token, &hook, "cancelled").await.len(), 3);
    assert_eq!(receiver.came().len(), 1);
    let list = words(&page(&browser, "/integration/dismissed").await);
    assert!(list.contains("Held by the hook") && list.contains("Bring back"), "{list}");
    let (_, list) = app.api(&token, "GET", "/dismissals", None).await;
    let id = list["items"][0]["id"].as_str().unwrap();
    assert_eq!(
        (&list["items"][0]["state"], &list["items"][0]["number"]),
        (&"held".into(), &3.into())
    );
    browser.post(&format!("{RPC}/dismissals/undo"), &[("id", id)]).await;
    receiver.wait_for(4).await;
    until(&app, &token, &hook, "delivered", 4).await;
    app.assert_balanced().await;
}

async fn an_event_is_either_dismissed_or_sent(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let hook = hook["id"].as_str().unwrap().to_owned();
    switch(&app, &token, &hook, false).await;
    const EVENTS: usize = 40;
    for _ in 0..EVENTS {
        app.emit_sample(&token, EventType::WorkItemClosed).await;
    }
    let job = recover(&app, &token, &hook).await;
    job_is(&app, &token, &job, |job| job["results"]["held_off"] == EVENTS).await;
    // Some are sent between two dismissals, and some are dismissed.
    let (_, first, second) = tokio::join!(
        switch(&app, &token, &hook, true),
        dismiss(&app, &token, &hook),
        dismiss(&app, &token, &hook),
    );
    eventually("all are settled", async || {
        let settled = in_state(&app, &token, &hook, "delivered").await.len()
            + in_state(&app, &token, &hook, "cancelled").await.len();
        (settled == EVENTS).then_some(())
    })
    .await;
    let cancelled = in_state(&app, &token, &hook, "cancelled").await;
    let (_, list) = app.api(&token, "GET", "/dismissals", None).await;
    let items = list["items"].as_array().unwrap();
    let number: i64 = items.iter().map(|item| item["number"].as_i64().unwrap()).sum();
    assert_eq!(number, i64::try_from(cancelled.len()).unwrap(), "{first} {second}");
    let sent: std::collections::HashSet<String> =
        receiver.came().iter().map(|came| came.header("webhook-id").to_owned()).collect();
    assert_eq!(sent.len(), EVENTS - cancelled.len());
    app.assert_balanced().await;
}

/// An event that is under way while its hook is turned off and what it holds is dismissed.
async fn under_way(app: &TestApp, token: &str, receiver: &Receiver, reply: Reply) -> String {
    let hook = app.hook(token, EventType::WorkItemClosed, receiver).await;
    let hook = hook["id"].as_str().unwrap().to_owned();
    receiver.reply([reply]);
    app.emit_sample(token, EventType::WorkItemClosed).await;
    receiver.wait_for(1).await;
    switch(app, token, &hook, false).await;
    until(app, token, &hook, "held", 1).await;
    assert_eq!(dismiss(app, token, &hook).await["number"], 1);
    receiver.release();
    hook
}

async fn an_event_under_way_that_arrives_is_not_dismissed(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = under_way(&app, &token, &receiver, Reply::held()).await;
    until(&app, &token, &hook, "delivered", 1).await;
    let (_, list) = app.api(&token, "GET", "/dismissals", None).await;
    assert_eq!(list["items"][0]["number"], 0, "{list}");
    let undo = format!("/dismissals/{}/undo", list["items"][0]["id"].as_str().unwrap());
    let (status, refused) = app.api(&token, "POST", &undo, Some(json!({}))).await;
    assert_eq!(status, 422, "{refused}");
    app.assert_balanced().await;
}

async fn an_event_under_way_that_fails_stays_dismissed(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let reply = Reply { is_held: true, ..Reply::status(500) };
    let hook = under_way(&app, &token, &receiver, reply).await;
    eventually("the attempt is recorded", async || {
        let cancelled = in_state(&app, &token, &hook, "cancelled").await;
        (cancelled.first()?["attempt_count"] == 1).then_some(())
    })
    .await;
    let cancelled = in_state(&app, &token, &hook, "cancelled").await;
    assert!(cancelled[0]["reason"].as_str().unwrap().ends_with("Called back"), "{cancelled:?}");
    let browser = app.browser(Role::Administrator).await;
    let log = format!("/integration/hooks/{hook}/deliveries?state=cancelled");
    assert_eq!(shown(&page(&browser, &log).await).len(), 1);
    app.assert_balanced().await;
}

async fn held_events_without_payload_or_hook_are_not_brought_back(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = holding(&app, &token, &receiver).await;
    let one =
        in_state(&app, &token, &hook, "held").await[0]["event_id"].as_str().unwrap().to_owned();
    let dismissal = dismiss(&app, &token, &hook).await;
    let undo = format!("/dismissals/{}/undo", dismissal["id"].as_str().unwrap());
    let url = app.db.settings().database_url;
    let (id, none) = (sql::literal(&url, one.parse().unwrap()), sql::no_body(&url));
    let prune = format!("UPDATE events SET body = {none}, pruned_at = 1 WHERE id = {id}");
    sql::execute(&url, &prune).await.unwrap();
    let browser = app.browser(Role::Administrator).await;
    let id = dismissal["id"].as_str().unwrap();
    browser.post(&format!("{RPC}/dismissals/undo"), &[("id", id)]).await;
    let said = words(&page(&browser, "/integration/dismissed").await);
    assert!(said.contains("except 1: its payload was removed"), "{said}");
    assert_eq!(in_state(&app, &token, &hook, "held").await.len(), 2);
    let (status, again) = app.api(&token, "POST", &undo, Some(json!({}))).await;
    assert_eq!((status, &again["errors"][0]["code"]), (422, &"undone".into()), "{again}");
    // The other two: of a hook that does not exist any more.
    let dismissal = dismiss(&app, &token, &hook).await;
    assert_eq!(dismissal["number"], 2);
    let (status, _) = app.api(&token, "DELETE", &format!("/hooks/{hook}"), None).await;
    assert_eq!(status, 204);
    let undo = format!("/dismissals/{}/undo", dismissal["id"].as_str().unwrap());
    let (status, refused) = app.api(&token, "POST", &undo, Some(json!({}))).await;
    assert_eq!((status, &refused["errors"][0]["code"]), (422, &"deleted".into()), "{refused}");
    let said = words(&page(&browser, "/integration/dismissed").await);
    assert!(said.contains("The hook was deleted: can't be brought back."), "{said}");
    assert_eq!(receiver.came().len(), 0);
    app.assert_balanced().await;
}
