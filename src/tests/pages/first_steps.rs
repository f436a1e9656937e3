//! The checklist of a new installation follows what really happened.

use service_hooks::domain::{event::EventType, permission::Role};

use crate::support::{
    app::TestApp,
    db::TestDb,
    on_both,
    receiver::{Receiver, Reply},
};

on_both!(the_steps_follow_what_happened, an_event_that_no_hook_hears_is_visible);

async fn the_steps_follow_what_happened(db: TestDb) {
    let app = TestApp::start(db).await;
    let bearer = app.full_token().await;
    let browser = app.browser(Role::Administrator).await;
    let auditor = app.browser(Role::Auditor).await;
    let steps = async || {
        let page = browser.get("/integration/hooks").await.text().await.unwrap();
        let page = page.replace("<!>", "");
        let done = (0..4).find(|done| page.contains(&format!("Get started: {done} of 4 steps")));
        (done, page)
    };
    let (done, page) = steps().await;
    assert_eq!(done, Some(0), "{page}");
    let receiver = Receiver::start().await;
    receiver.reply([Reply::status(500)]);
    let hook = app.hook(&bearer, EventType::WorkItemClosed, &receiver).await;
    let id = hook["id"].as_str().unwrap();
    let (done, page) = steps().await;
    assert_eq!(done, Some(1), "{page}");
    assert!(page.contains(&format!("/integration/hooks/{id}/test")), "{page}");
    let test = async || {
        let (status, answer) = app.api(&bearer, "POST", &format!("/hooks/{id}/test"), None).await;
        assert_eq!(status, 200, "{answer}");
    };
    test().await;
    assert_eq!(steps().await.0, Some(2), "the receiver responded, though with an error");
    test().await;
    let (done, page) = steps().await;
    assert_eq!(done, Some(3), "{page}");
    assert!(page.contains("service-hooks emit work_item.closed"), "{page}");
    let event = app.emit_sample(&bearer, EventType::WorkItemClosed).await;
    app.delivery_in(&bearer, &event, "delivered").await;
    assert_eq!(steps().await.0, None, "the steps are done");
    let page = auditor.get("/integration/hooks").await.text().await.unwrap();
    assert!(!page.contains("Get started"), "an auditor can't take the steps");
}

async fn an_event_that_no_hook_hears_is_visible(db: TestDb) {
    let app = TestApp::start(db).await;
    let (bearer, receiver) = (app.full_token().await, Receiver::start().await);
    let browser = app.browser(Role::Administrator).await;
    let event = EventType::OutboundCallInitiated;
    let pages = ["/integration/events".to_owned(), format!("/integration/events/{}", event.key())];
    let words = "accepted in the last 24 hours. No hook listens.";
    for page in &pages {
        assert!(!browser.get(page).await.text().await.unwrap().contains(words), "{page}");
    }
    for _ in 0..3 {
        app.emit_sample(&bearer, event).await;
    }
    for page in &pages {
        let page = browser.get(page).await.text().await.unwrap();
        assert!(page.contains(&format!("3 events {words}")), "{page}");
    }
    let hook = app.hook(&bearer, event, &receiver).await;
    let path = format!("/hooks/{}", hook["id"].as_str().unwrap());
    let off = serde_json::json!({"enabled": false});
    assert_eq!(app.api(&bearer, "PATCH", &path, Some(off)).await.0, 200);
    for page in &pages {
        assert!(!browser.get(page).await.text().await.unwrap().contains(words), "{page}");
    }
    // A hook that is off gets it as skipped, and the answer says so.
    let data: serde_json::Value =
        serde_json::from_str(service_hooks::engine::catalogue::sample(event)).unwrap();
    let body = serde_json::json!({"type": event.key(), "data": data});
    let (status, accepted) = app.api(&bearer, "POST", "/events", Some(body)).await;
    assert_eq!(status, 202);
    assert_eq!((&accepted["deliveries"], &accepted["skipped"]), (&1.into(), &1.into()));
}
