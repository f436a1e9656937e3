//! The rows of the list of deliveries say what is so now: why an event is held, and whether it can
//! be chosen.

use service_hooks::domain::{event::EventType, permission::Role};

use super::{
    held::switch,
    log::{page, words},
};
use crate::support::{
    app::TestApp,
    db::{self, TestDb},
    eventually, on_both,
    receiver::{Receiver, Reply},
    sql,
};

on_both!(a_row_says_why_it_is_held_now_and_what_can_be_done,);

const LOG: &str = "/integration/deliveries";

/// Of each row whether it can be chosen.
fn choices(text: &str) -> Vec<bool> {
    let boxes = text.split("<input type=\"checkbox\" name=\"id\"").skip(1);
    boxes.map(|rest| !rest.split('>').next().unwrap().contains("disabled")).collect()
}

async fn a_row_says_why_it_is_held_now_and_what_can_be_done(db: TestDb) {
    let mut settings = db.settings();
    settings.delivery.pause_after = 1;
    let app = TestApp::start_with(db.into(), db::config(settings)).await;
    let (receiver, token) = (Receiver::start().await, app.full_token().await);
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let hook = hook["id"].as_str().unwrap().to_owned();
    receiver.reply([Reply::status(500)]);
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    eventually("it is held, because the hook is paused", async || {
        let (_, list) = app.api(&token, "GET", "/deliveries?state=held", None).await;
        list["items"][0]["reason"].as_str()?.contains("paused").then_some(())
    })
    .await;
    let browser = app.browser(Role::Administrator).await;
    let text = page(&browser, LOG).await;
    assert!(words(&text).contains("the hook is paused"), "{text}");
    assert_eq!(choices(&text), [true], "it can be tried now");
    // The stored reason stays the one of the pause.
    switch(&app, &token, &hook, false).await;
    let text = page(&browser, LOG).await;
    assert!(words(&text).contains("the hook is off"), "{text}");
    assert_eq!(choices(&text), [false], "an off hook sends nothing");
    assert!(text.contains("The hook is off. Turn it on to send the event."), "{text}");
    let own = words(&page(&browser, &format!("/integration/hooks/{hook}/deliveries")).await);
    assert!(own.contains("the hook is off"), "{own}");
    let (_, list) = app.api(&token, "GET", "/deliveries?state=held", None).await;
    assert_eq!(list["items"][0]["reason"], "the hook is off", "{list}");
    let (_, found) = app.api(&token, "GET", &format!("/events/{event}"), None).await;
    assert_eq!(found["deliveries"][0]["reason"], "the hook is off", "{found}");
    let export = browser.get(&format!("{LOG}/export")).await.text().await.unwrap();
    assert!(export.contains(",the hook is off,"), "{export}");
    // What is settled can be redelivered while its payload is stored.
    switch(&app, &token, &hook, true).await;
    app.delivery_in(&token, &event, "delivered").await;
    assert_eq!(choices(&page(&browser, LOG).await), [true]);
    let url = app.db.settings().database_url;
    let prune = format!("UPDATE events SET body = {}, pruned_at = 1", sql::no_body(&url));
    sql::execute(&url, &prune).await.unwrap();
    let text = page(&browser, LOG).await;
    assert_eq!(choices(&text), [false]);
    assert!(text.contains("The payload was removed after the retention period."), "{text}");
}
