//! A button that is pressed twice, at once or after going back, acts once.

use service_hooks::domain::{event::EventType, permission::Role};

use crate::support::{
    app::{Browser, TestApp, location},
    db::TestDb,
    on_both,
    receiver::{Receiver, Reply},
    sql,
};

on_both!(
    a_form_that_is_posted_twice_makes_one_hook,
    a_test_is_sent_once,
    a_redelivery_begins_once,
    a_delivery_is_redelivered_once,
);

const CREATE: &str = "/rpc/service_hooks/rpc/hooks/create";

pub(super) async fn token_of(browser: &Browser, page: &str) -> String {
    let page = browser.get(page).await.text().await.unwrap();
    let after = page.split("name=\"form_token\" value=\"").nth(1).expect("the form has a token");
    after.split('"').next().unwrap().to_owned()
}

/// Posts a form several times at once. Returns where the answers lead.
pub(super) async fn at_once(browser: &Browser, path: &str, form: &[(&str, &str)]) -> Vec<String> {
    let posts = (0..6).map(|_| browser.post(path, form));
    let answers = futures::future::join_all(posts).await;
    answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status(), 303);
            location(answer).to_owned()
        })
        .collect()
}

async fn count(app: &TestApp, question: &str) -> i64 {
    sql::number(&app.db.settings().database_url(), question).await.unwrap()
}

async fn a_form_that_is_posted_twice_makes_one_hook(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let browser = app.browser(Role::Administrator).await;
    let url = receiver.url("/in");
    let form = [
        ("name", "Wallboard"),
        ("event_type", "work_item.closed"),
        ("callback_url", url.as_str()),
        ("api_key", "k-0123456789"),
        ("enabled", "true"),
    ];
    let hooks = "SELECT COUNT(*) FROM hooks WHERE deleted_at IS NULL";
    let led = at_once(&browser, CREATE, &form).await;
    assert!(
        led.iter().all(|to| to.starts_with("/integration/hooks/01") && *to == led[0]),
        "{led:?}"
    );
    assert_eq!(count(&app, hooks).await, 1);
    // After going back, the page may have been loaded again.
    let again = browser.post(CREATE, &form).await;
    assert_eq!(location(&again), led[0]);
    let page = browser.get(&led[0]).await.text().await.unwrap();
    assert!(page.contains("The form was sent twice; there is one hook."), "{page}");
    // Other values are another hook, and so is another user's.
    let mut other = form;
    other[0].1 = "Wallboard 2";
    assert_ne!(location(&browser.post(CREATE, &other).await), led[0]);
    let manager = app.browser(Role::IntegrationManager).await;
    assert_ne!(location(&manager.post(CREATE, &form).await), led[0]);
    assert_eq!(count(&app, hooks).await, 3);
    // A rejected form may be corrected.
    let mut bad = form;
    bad[2].1 = "nonsense";
    for _ in 0..2 {
        assert!(location(&browser.post(CREATE, &bad).await).contains("draft="));
    }
    // After the hook was deleted, the same values make it again: once.
    let id = led[0].rsplit('/').next().unwrap();
    browser.post("/rpc/service_hooks/rpc/hooks/delete", &[("id", id)]).await;
    let anew = at_once(&browser, CREATE, &form).await;
    assert!(anew.iter().all(|to| *to == anew[0] && *to != led[0]), "{anew:?}");
    assert_eq!(count(&app, hooks).await, 3);
}

async fn a_test_is_sent_once(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let bearer = app.full_token().await;
    let hook = app.hook(&bearer, EventType::WorkItemClosed, &receiver).await;
    let id = hook["id"].as_str().unwrap();
    let browser = app.browser(Role::Administrator).await;
    for (page, function, body) in [
        ("", "hooks/send_test", ""),
        (
            "/test",
            "test_send/send_body",
            service_hooks::engine::catalogue::sample(EventType::WorkItemClosed),
        ),
    ] {
        let token = token_of(&browser, &format!("/integration/hooks/{id}{page}")).await;
        let form = [("id", id), ("body", body), ("form_token", token.as_str())];
        let before = receiver.came().len();
        let led = at_once(&browser, &format!("/rpc/service_hooks/rpc/{function}"), &form).await;
        assert!(led.iter().all(|to| to.contains("test=01")), "{led:?}");
        assert_eq!(receiver.came().len(), before + 1, "{function}");
        // The next form sends the next test.
        let token = token_of(&browser, &format!("/integration/hooks/{id}{page}")).await;
        let form = [("id", id), ("body", body), ("form_token", token.as_str())];
        browser.post(&format!("/rpc/service_hooks/rpc/{function}"), &form).await;
        assert_eq!(receiver.came().len(), before + 2, "{function}");
    }
}

async fn a_redelivery_begins_once(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::ruled(|_| Reply::status(200)).await;
    let bearer = app.full_token().await;
    let (id, _) = app.hook_that_delivered(&bearer, &receiver).await;
    let browser = app.browser(Role::Administrator).await;
    let preview = format!("/integration/hooks/{id}/recover?since=24h&delivered=true&pace=50");
    let token = token_of(&browser, &preview).await;
    let form = [
        ("id", id.as_str()),
        ("form_token", token.as_str()),
        ("form[since]", "24h"),
        ("form[delivered]", "true"),
        ("form[pace]", "50"),
    ];
    let begin = "/rpc/service_hooks/rpc/jobs/begin_recover";
    let led = at_once(&browser, begin, &form).await;
    assert!(
        led.iter().all(|to| to.starts_with("/integration/jobs/01") && *to == led[0]),
        "{led:?}"
    );
    receiver.wait_for(2).await;
    assert_eq!(location(&browser.post(begin, &form).await), led[0]);
    assert_eq!(count(&app, "SELECT COUNT(*) FROM jobs").await, 1);
}

async fn a_delivery_is_redelivered_once(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::ruled(|_| Reply::status(200)).await;
    let bearer = app.full_token().await;
    let (hook, id) = app.hook_that_delivered(&bearer, &receiver).await;
    let browser = app.browser(Role::Administrator).await;
    let own = format!("/integration/hooks/{hook}/deliveries/{id}");
    let redeliver = "/rpc/service_hooks/rpc/deliveries/redeliver";
    let token = token_of(&browser, &format!("{own}/redeliver")).await;
    let form = [("id", id.as_str()), ("form_token", token.as_str())];
    let led = at_once(&browser, redeliver, &form).await;
    assert!(led.iter().all(|to| *to == own), "{led:?}");
    receiver.wait_for(2).await;
    // The page is old by now: its button leads to what the first press did.
    assert_eq!(location(&browser.post(redeliver, &form).await), own);
    let page = browser.get(&own).await.text().await.unwrap();
    assert!(page.contains("The form was sent twice; it took effect once."), "{page}");
    let acts = "SELECT COUNT(*) FROM audit WHERE action IN ('delivery.redelivered', \
                'delivery.tried_now')";
    assert_eq!(count(&app, acts).await, 1);
    // The next form redelivers again.
    let token = token_of(&browser, &format!("{own}/redeliver")).await;
    browser.post(redeliver, &[("id", id.as_str()), ("form_token", token.as_str())]).await;
    assert_eq!(count(&app, acts).await, 2);
}
