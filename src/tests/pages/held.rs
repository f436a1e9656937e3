//! What is held or was missed stays in sight until it arrives: the job that redelivered it, the
//! inbox with its causes, and dismissing with a reason.

use serde_json::{Value, json};
use service_hooks::domain::{event::EventType, permission::Role};

use super::log::{page, shown, start, words};
use crate::support::{
    app::{TestApp, location},
    db::TestDb,
    eventually, on_both,
    receiver::Reply,
};

on_both!(
    a_recovery_of_a_hook_that_is_off_says_that_its_events_are_held,
    held_events_are_undelivered_until_the_hook_is_on,
    undelivered_events_are_dismissed_with_a_reason_and_brought_back,
    a_paused_hook_is_resumed_from_its_page,
    a_successful_test_offers_to_send_what_waits,
    a_successful_test_of_an_off_hook_offers_to_turn_it_on,
);

const RPC: &str = "/rpc/service_hooks/rpc";

pub async fn switch(app: &TestApp, token: &str, hook: &str, enabled: bool) {
    let change = json!({"enabled": enabled});
    let (status, changed) = app.api(token, "PATCH", &format!("/hooks/{hook}"), Some(change)).await;
    assert_eq!(status, 200, "{changed}");
}

/// A hook that was off for three events.
pub async fn off(
    app: &TestApp,
    token: &str,
    receiver: &crate::support::receiver::Receiver,
) -> String {
    let hook = app.hook(token, EventType::WorkItemClosed, receiver).await;
    let hook = hook["id"].as_str().unwrap().to_owned();
    switch(app, token, &hook, false).await;
    for _ in 0..3 {
        app.emit_sample(token, EventType::WorkItemClosed).await;
    }
    hook
}

pub async fn job_is(app: &TestApp, token: &str, job: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually("the job is so", async || {
        let (_, job) = app.api(token, "GET", job, None).await;
        is(&job).then_some(job)
    })
    .await
}

pub async fn recover(app: &TestApp, token: &str, hook: &str) -> String {
    let since = json!({"since": "2020-01-01T00:00:00Z", "per_second": 1000});
    let (status, job) =
        app.api(token, "POST", &format!("/hooks/{hook}/recover"), Some(since)).await;
    assert_eq!(status, 202, "{job}");
    format!("/jobs/{}", job["id"].as_str().unwrap())
}

async fn a_recovery_of_a_hook_that_is_off_says_that_its_events_are_held(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = off(&app, &token, &receiver).await;
    let job = recover(&app, &token, &hook).await;
    let done = job_is(&app, &token, &job, |job| job["state"] == "done").await;
    assert_eq!(
        (&done["results"]["held_off"], &done["results"]["delivered"]),
        (&3.into(), &0.into())
    );
    let held = "3 events queued: 3 held until the hook is turned on.";
    assert_eq!(done["summary"], held);
    let browser = app.browser(Role::Administrator).await;
    let address = format!("/integration{job}");
    let text = page(&browser, &address).await;
    assert!(words(&text).contains(held) && text.contains("held-off"), "{text}");
    assert!(text.contains("Turn the hook on"), "{text}");
    let list = words(&page(&browser, "/integration/jobs").await);
    assert!(list.contains("0 of 3") && list.contains("Held"), "{list}");
    let auditor = page(&app.browser(Role::Auditor).await, &address).await;
    assert!(words(&auditor).contains(held) && !auditor.contains("Turn the hook on"), "{auditor}");
    let on = [("id", hook.as_str()), ("enabled", "true")];
    browser.post(&format!("{RPC}/hooks/set_enabled"), &on).await;
    receiver.wait_for(3).await;
    job_is(&app, &token, &job, |job| job["results"]["delivered"] == 3).await;
    let read = words(&page(&browser, &address).await);
    assert!(read.contains("3 events redelivered and delivered."), "{read}");
    app.assert_balanced().await;
}

async fn held_events_are_undelivered_until_the_hook_is_on(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = off(&app, &token, &receiver).await;
    let browser = app.browser(Role::Administrator).await;
    let skipped = words(&page(&browser, "/integration/undelivered").await);
    assert!(skipped.contains("3 undelivered events in 1 hook"), "{skipped}");
    let job = recover(&app, &token, &hook).await;
    job_is(&app, &token, &job, |job| job["results"]["held_off"] == 3).await;
    let text = page(&browser, "/integration/undelivered").await;
    let read = words(&text);
    assert!(
        read.contains("3 undelivered events in 1 hook") && read.contains("Held: the hook is off"),
        "{read}"
    );
    assert!(text.contains("hooks/set_enabled"), "{text}");
    let rows = page(&browser, &format!("/integration/hooks/{hook}/deliveries?state=held")).await;
    assert_eq!(shown(&rows).len(), 3);
    let by_cause = page(&browser, "/integration/undelivered?q=hook+is+OFF").await;
    assert!(words(&by_cause).contains("Held: the hook is off"), "{by_cause}");
    let none = words(&page(&browser, "/integration/undelivered?q=timed+out").await);
    assert!(none.contains("No hook or cause matches."), "{none}");
    switch(&app, &token, &hook, true).await;
    receiver.wait_for(3).await;
    eventually("nothing is undelivered", async || {
        let text = page(&browser, "/integration/undelivered").await;
        text.contains("Everything has been delivered.").then_some(())
    })
    .await;
}

async fn undelivered_events_are_dismissed_with_a_reason_and_brought_back(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = off(&app, &token, &receiver).await;
    let browser = app.browser(Role::Administrator).await;
    let ask = format!("/integration/hooks/{hook}/dismiss?state=skipped");
    let text = page(&browser, &ask).await;
    assert!(words(&text).contains("Dismiss 3 events?"), "{text}");
    let until = text.split("name=\"until\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    // A later one was not seen by the person who dismisses.
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    let form = |reason: &'static str| {
        [("id", hook.as_str()), ("state", "skipped"), ("reason", reason), ("until", until)]
    };
    let act = format!("{RPC}/dismissals/dismiss");
    let back = location(&browser.post(&act, &form(" ")).await).to_owned();
    assert!(words(&page(&browser, &back).await).contains("Enter a reason."), "{back}");
    let done = browser.post(&act, &form("Called back by phone")).await;
    assert_eq!(location(&done), "/integration/undelivered");
    let inbox = words(&page(&browser, "/integration/undelivered").await);
    assert!(
        inbox.contains("3 events dismissed.") && inbox.contains("1 undelivered event in 1 hook"),
        "{inbox}"
    );
    app.assert_balanced().await;
    // They stay in the log, with the reason.
    let log =
        page(&browser, &format!("/integration/hooks/{hook}/deliveries?state=cancelled")).await;
    let rows = shown(&log);
    assert_eq!(rows.len(), 3);
    let (_, one) =
        app.api(&token, "GET", &format!("/deliveries?hook={hook}&state=cancelled"), None).await;
    let reason = one["items"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("dismissed by") && reason.ends_with("Called back by phone"),
        "{reason}"
    );
    // A job leaves them out: a person decided that they need not be sent.
    let job = recover(&app, &token, &hook).await;
    let job = job_is(&app, &token, &job, |job| job["state"] == "done").await;
    assert_eq!((&job["done"], &job["skipped"]), (&1.into(), &3.into()));
    let (_, list) = app.api(&token, "GET", "/dismissals", None).await;
    assert_eq!(list["items"][0]["number"], 3, "{list}");
    let id = list["items"][0]["id"].as_str().unwrap().to_owned();
    let read = words(&page(&browser, "/integration/dismissed").await);
    assert!(read.contains("Called back by phone") && read.contains("Bring back"), "{read}");
    browser.post(&format!("{RPC}/dismissals/undo"), &[("id", &id)]).await;
    let (_, skipped) =
        app.api(&token, "GET", &format!("/deliveries?hook={hook}&state=skipped"), None).await;
    let skipped = skipped["items"].as_array().unwrap();
    assert_eq!(skipped.len(), 3);
    assert!(skipped.iter().all(|one| one["reason"] == "the hook was off"), "{skipped:?}");
    let (status, again) = app.api(&token, "POST", &format!("/dismissals/{id}/undo"), None).await;
    assert_eq!(status, 422, "{again}");
    app.assert_balanced().await;
}

async fn a_paused_hook_is_resumed_from_its_page(db: TestDb) {
    let mut settings = db.settings();
    settings.delivery.pause_after = 1;
    let app = TestApp::start_with(db.into(), crate::support::db::config(settings)).await;
    let receiver = crate::support::receiver::Receiver::start().await;
    let token = app.full_token().await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let hook = hook["id"].as_str().unwrap().to_owned();
    receiver.reply([Reply::status(500)]);
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    eventually("it is paused", async || {
        let (_, hook) = app.api(&token, "GET", &format!("/hooks/{hook}"), None).await;
        (hook["health"]["state"] == "paused").then_some(())
    })
    .await;
    for _ in 0..2 {
        app.emit_sample(&token, EventType::WorkItemClosed).await;
    }
    let browser = app.browser(Role::IntegrationManager).await;
    let inbox = words(&page(&browser, "/integration/undelivered").await);
    assert!(inbox.contains("Held: the hook is paused"), "{inbox}");
    let resumed = browser.post(&format!("{RPC}/hooks/try_now"), &[("id", &hook)]).await;
    let own = location(&resumed).to_owned();
    let read = words(&page(&browser, &own).await);
    assert!(read.contains("Sending one event now. If it succeeds, the pause ends"), "{read}");
    // The pause would last a minute: only the person ended it.
    receiver.wait_for(3).await;
    switch(&app, &token, &hook, false).await;
    let off = browser.post(&format!("{RPC}/hooks/try_now"), &[("id", &hook)]).await;
    let read = words(&page(&browser, location(&off)).await);
    assert!(read.contains("The hook is off."), "{read}");
}

/// Sends a test from a hook's page, and returns the page that shows its result.
async fn tested(browser: &crate::support::app::Browser, hook: &str) -> String {
    let sent = browser.post(&format!("{RPC}/hooks/send_test"), &[("id", hook)]).await;
    location(&sent).split('#').next().unwrap().to_owned()
}

async fn a_successful_test_offers_to_send_what_waits(db: TestDb) {
    let mut settings = db.settings();
    settings.delivery.retry_schedule = vec![std::time::Duration::from_secs(3600); 4];
    let app = TestApp::start_with(db.into(), crate::support::db::config(settings)).await;
    let receiver = crate::support::receiver::Receiver::start().await;
    let token = app.full_token().await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let hook = hook["id"].as_str().unwrap().to_owned();
    let browser = app.browser(Role::Administrator).await;
    receiver.reply([500, 500, 200, 500, 500].map(Reply::status));
    let waiting = async |attempts: i64| {
        eventually("both wait for a retry", async || {
            let path = format!("/deliveries?hook={hook}&state=waiting");
            let (_, page) = app.api(&token, "GET", &path, None).await;
            let items = page["items"].as_array().unwrap();
            let is_so = |item: &Value| item["attempt_count"] == attempts;
            (items.len() == 2 && items.iter().all(is_so)).then_some(())
        })
        .await;
    };
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    waiting(1).await;
    // The test brings both forward; the receiver fails again.
    let result = tested(&browser, &hook).await;
    waiting(2).await;
    let text = page(&browser, &result).await;
    assert!(words(&text).contains("Send the 2 waiting now"), "{text}");
    let test = result.split("test=").nth(1).unwrap();
    let other = page(&browser, &format!("/integration/hooks/{hook}/test?test={test}")).await;
    assert!(words(&other).contains("Send the 2 waiting now"), "{other}");
    let auditor = page(&app.browser(Role::Auditor).await, &result).await;
    assert!(!auditor.contains("waiting now"), "{auditor}");
    browser.post(&format!("{RPC}/hooks/try_now"), &[("id", &hook)]).await;
    receiver.wait_for(7).await;
    eventually("nothing waits", async || {
        let text = page(&browser, &result).await;
        (!text.contains("waiting now")).then_some(())
    })
    .await;
    app.assert_balanced().await;
}

async fn a_successful_test_of_an_off_hook_offers_to_turn_it_on(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = off(&app, &token, &receiver).await;
    let job = recover(&app, &token, &hook).await;
    job_is(&app, &token, &job, |job| job["results"]["held_off"] == 3).await;
    let browser = app.browser(Role::Administrator).await;
    let result = tested(&browser, &hook).await;
    let text = page(&browser, &result).await;
    assert!(words(&text).contains("Turn on and send the 3 held"), "{text}");
    let on = [("id", hook.as_str()), ("enabled", "true")];
    browser.post(&format!("{RPC}/hooks/set_enabled"), &on).await;
    receiver.wait_for(4).await;
    eventually("nothing is held", async || {
        let text = page(&browser, &result).await;
        (!text.contains("3 held")).then_some(())
    })
    .await;
}
