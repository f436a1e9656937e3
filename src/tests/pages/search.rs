//! The search page, which is also what the command palette shows.

use service_hooks::{
    domain::{event::EventType, permission::Role},
    engine::{clock::Clock, dispatcher::Config},
};

use crate::support::{
    app::{Browser, TestApp, location},
    db::{self, TestDb},
    on_both,
    receiver::Receiver,
};

on_both!(
    what_is_looked_for_is_one_step_away,
    a_search_shows_only_what_its_reader_may_see,
    searching_is_limited_per_user,
);

async fn search(browser: &Browser, q: &str) -> String {
    let q: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
    let answer = browser.get(&format!("/search?q={q}&list=on")).await;
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap().replace("<!>", "")
}

async fn what_is_looked_for_is_one_step_away(db: TestDb) {
    let app = TestApp::start(db).await;
    let (bearer, receiver) = (app.full_token().await, Receiver::start().await);
    let (id, delivery) = app.hook_that_delivered(&bearer, &receiver).await;
    let event = app.emit_sample(&bearer, EventType::WorkItemClosed).await;
    app.delivery_in(&bearer, &event, "delivered").await;
    let browser = app.browser(Role::Administrator).await;
    let hook = format!("/integration/hooks/{id}");
    let page = format!("{hook}/deliveries/{delivery}");
    // A whole id, however it was copied, leads straight to its page.
    for (q, to) in [
        (delivery.clone(), page.clone()),
        (delivery.to_uppercase(), page.clone()),
        (format!("  {delivery} "), page.clone()),
        (format!("https://elsewhere.example{page}?x"), page.clone()),
        (id.clone(), hook.clone()),
        (format!("test_{event}"), format!("/integration/deliveries?event={event}")),
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
        let answer = browser.get(&format!("/search?q={encoded}")).await;
        assert_eq!((answer.status().as_u16(), location(&answer)), (302, to.as_str()), "{q}");
    }
    let link = |page: &str| format!("href=\"{page}\"");
    // Its beginning, a name, an address, words of an action, an event type, a page.
    for (q, found) in [
        (&delivery[..23], link(&page)),
        ("HOOK", link(&hook)),
        (&receiver.url("/in"), link(&hook)),
        ("off hook", "Turn off hook".to_owned()),
        ("test hook", link(&format!("{hook}/test"))),
        ("work_item", link("/integration/events/work_item.closed")),
        ("stat", link("/status")),
        ("new", link("/integration/hooks/new")),
        ("sign out", "Sign out".to_owned()),
        ("+1 234", link("/integration/deliveries?text=%2B1+234")),
    ] {
        let page = search(&browser, q).await;
        let results = page.split("id=\"found\"").nth(1).unwrap();
        assert!(results.contains(&found), "{q}: {results}");
    }
    assert!(search(&browser, "<script>\"'").await.contains("&lt;script&gt;"));
    // An action acts, and leads back.
    let switch = "/rpc/service_hooks/rpc/hooks/set_enabled";
    browser.post(switch, &[("id", &id), ("enabled", "false")]).await;
    assert!(search(&browser, "turn hook").await.contains("Turn on hook"));
    // A deleted hook is still found by its id.
    browser.post("/rpc/service_hooks/rpc/hooks/delete", &[("id", &id)]).await;
    assert_eq!(location(&browser.get(&format!("/search?q={id}")).await), hook);
}

async fn a_search_shows_only_what_its_reader_may_see(db: TestDb) {
    let app = TestApp::start(db).await;
    let (bearer, receiver) = (app.full_token().await, Receiver::start().await);
    let (id, delivery) = app.hook_that_delivered(&bearer, &receiver).await;
    let agent = app.browser(Role::Agent).await;
    for q in ["", "hook", &id, &delivery, "status", "new"] {
        let page = search(&agent, q).await;
        let results = page.split("id=\"found\"").nth(1).unwrap().split("</main>").next().unwrap();
        assert!(!results.contains("/integration/") && !results.contains("/status"), "{results}");
    }
    let auditor = app.browser(Role::Auditor).await;
    let page = search(&auditor, "hook").await;
    assert!(page.contains(&format!("/integration/hooks/{id}\"")));
    for action in ["Turn off hook", "Edit hook", "Send test to hook", "New hook"] {
        assert!(!page.contains(action), "{action}: {page}");
    }
    assert_eq!(
        location(&app.stranger().get("/search?q=x").await),
        "/sign-in?next=%2Fsearch%3Fq%3Dx"
    );
}

async fn searching_is_limited_per_user(db: TestDb) {
    // The minute of the limit doesn't pass.
    let clock = Clock::test(Clock::System.now());
    let config = Config { clock, ..db::config(db.settings()) };
    let app = TestApp::start_with(db.into(), config).await;
    let (one, other) = (app.browser(Role::Auditor).await, app.browser(Role::Developer).await);
    let mut refused = 0;
    for _ in 0..260 {
        refused += u32::from(one.get("/search?q=a").await.status() == 503);
    }
    assert!(refused > 0, "one user may not search without end");
    assert_eq!(other.get("/search?q=a").await.status(), 200);
}
