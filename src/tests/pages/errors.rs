//! Error pages: the right status, an explanation and the next step, in the portal's frame for
//! signed-in users.

use reqwest::{Response, StatusCode};
use service_hooks::domain::permission::Role;

use crate::support::{
    app::{Browser, TestApp, location},
    db::TestDb,
    on_both,
    receiver::Receiver,
};

on_both!(
    errors_keep_their_status_and_the_frame,
    a_flash_is_shown_once_and_is_focusable,
    a_deleted_hooks_page_shows_what_is_left,
);

const RPC: &str = "/rpc/service_hooks/rpc";
const MISSING: &str = "00000000-0000-7000-8000-000000000000";

/// The content of every error page; without the frame for users who are not signed in.
async fn explained(answer: Response, status: u16, title: &str, words: &str) -> String {
    assert_eq!(answer.status().as_u16(), status, "{title}");
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8", "{title}");
    let page = answer.text().await.unwrap().replace("<!>", "");
    assert!(page.contains(&format!("<h1>{title}</h1>")) && page.contains(words), "{title}: {page}");
    assert!(page.contains(&format!("<title>{title} – Service Hooks</title>")), "{title}: {page}");
    page
}

fn has_frame(page: &str) -> bool {
    page.contains("popovertarget=\"account-menu\"")
}

async fn errors_keep_their_status_and_the_frame(db: TestDb) {
    let app = TestApp::start(db).await;
    let manager = app.browser(Role::IntegrationManager).await;
    let agent = app.browser(Role::Agent).await;
    let post = async |browser: &Browser, function: &str, form: &[(&str, &str)]| {
        browser.post(&format!("{RPC}/{function}"), form).await
    };
    let forbidden = "permission hooks:read";
    let page =
        explained(agent.get("/integration/hooks").await, 403, "You don't have access", forbidden)
            .await;
    assert!(has_frame(&page) && page.contains("Ask an administrator for a role"));
    let schema = "/integration/events/work_item.closed/schema.json";
    assert!(has_frame(
        &explained(agent.get(schema).await, 403, "You don't have access", forbidden).await
    ));
    let page = explained(
        post(&agent, "hooks/delete", &[("id", MISSING)]).await,
        403,
        "You don't have access",
        "hooks:write",
    )
    .await;
    assert!(has_frame(&page));
    for path in [
        "/integration/nothing",
        &format!("/integration/hooks/{MISSING}"),
        "/integration/events/x/schema.json",
    ] {
        assert!(
            has_frame(
                &explained(manager.get(path).await, 404, "Not found", "We can't find this").await
            ),
            "{path}"
        );
    }
    let gone = post(&manager, "hooks/delete", &[("id", MISSING)]).await;
    assert!(has_frame(&explained(gone, 404, "Not found", "We can't find this hook").await));
    let large = post(&manager, "hooks/create", &[("name", &"x".repeat(300_000))]).await;
    assert!(has_frame(&explained(large, 413, "Too large", "Nothing was changed").await));
    let twice = post(&manager, "hooks/create", &[("name", "a"), ("name", "b")]).await;
    let page = explained(twice, 400, "Invalid request", "malformed").await;
    assert!(has_frame(&page));
    let draft = manager.get(&format!("{schema}?draft=99")).await;
    assert!(has_frame(&explained(draft, 422, "Unprocessable Entity", "Use draft=2020-12").await));
    // A script gets JSON.
    let json = [("accept", "application/json"), ("sec-fetch-site", "same-origin")];
    let answer =
        agent.post_with(&format!("{RPC}/hooks/set_enabled"), &[("id", MISSING)], &json).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(answer.text().await.unwrap().starts_with("{\"Forbidden\""));
}

async fn a_flash_is_shown_once_and_is_focusable(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Agent).await;
    let form = [("theme", "dark"), ("time_zone", "UTC"), ("hours", "24")];
    let answer = browser.post(&format!("{RPC}/preferences/save"), &form).await;
    let page = browser.get(location(&answer)).await.text().await.unwrap();
    let flash =
        page.split("<p role=\"status\"").nth(1).expect("a flash").split("</p>").next().unwrap();
    assert!(flash.contains("notice ok") && flash.contains("tabindex=\"-1\""), "{flash}");
    assert!(flash.contains("Preferences saved.") && !flash.contains("autofocus"), "{flash}");
    assert!(!browser.get(location(&answer)).await.text().await.unwrap().contains("notice ok"));
}

async fn a_deleted_hooks_page_shows_what_is_left(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let (id, delivery) = app.hook_that_delivered(&token, &receiver).await;
    let manager = app.browser(Role::IntegrationManager).await;
    let named = [
        ("id", id.as_str()),
        ("version", "1"),
        ("name", "Wall <board>"),
        ("event_type", "work_item.closed"),
    ];
    let url = receiver.url("/in");
    let named = [named.as_slice(), &[("callback_url", url.as_str()), ("enabled", "true")]].concat();
    assert_eq!(manager.post(&format!("{RPC}/hooks/update"), &named).await.status(), 303);
    assert_eq!(manager.post(&format!("{RPC}/hooks/delete"), &[("id", &id)]).await.status(), 303);
    let page = format!("/integration/hooks/{id}");
    let log = format!("/integration/deliveries?hook={id}");
    for below in ["", "/settings", "/test", "/recover", "/delete", "/deliveries"] {
        let gone = manager.get(&format!("{page}{below}")).await;
        let words = "Wall &lt;board&gt;\" no longer sends events.";
        let page = explained(gone, 410, "This hook was deleted", words).await;
        assert!(has_frame(&page) && page.contains(&format!("href=\"{log}\"")), "{below}: {page}");
        assert!(page.contains("by <b>integration-manager@example.org</b>"), "{below}: {page}");
    }
    // Its deliveries still exist, in the log and on their own pages.
    let listed = manager.get(&log).await.text().await.unwrap();
    assert!(listed.contains("a deleted hook") && listed.contains(&delivery), "{listed}");
    assert_eq!(manager.get(&format!("{page}/deliveries/{delivery}")).await.status(), 200);
    // Users who may not see hooks learn nothing, and API clients get 404.
    let agent = app.browser(Role::Agent).await;
    let page = explained(agent.get(&page).await, 403, "You don't have access", "hooks:read").await;
    assert!(!page.contains("Wall"), "{page}");
    assert_eq!(app.api(&token, "GET", &format!("/hooks/{id}"), None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn cross_site_requests_get_an_error_page_in_the_browsers_theme() {
    let app = TestApp::start(TestDb::sqlite()).await;
    let mut browser = app.browser(Role::Administrator).await;
    browser.cookie = browser.cookie.replace("theme=system", "theme=dark");
    let foreign = [("sec-fetch-site", "cross-site"), ("accept", "text/html")];
    let answer = browser.post_with(&format!("{RPC}/session/sign_out"), &[], &foreign).await;
    let page = explained(answer, 403, "Request from another site", "nothing was changed").await;
    assert!(!has_frame(&page) && page.contains("<html lang=\"en\" data-theme=\"dark\">"), "{page}");
    assert!(page.contains("href=\"/\">Open the portal</a>") && !page.contains("Back to the form"));
    // A request from one of the portal's pages links back to it. The page is only read; nothing is
    // sent again.
    let host = app.url("").replace("http://", "");
    let referred = async |referer: &str| {
        let headers = [
            ("sec-fetch-site", "cross-site"),
            ("accept", "text/html"),
            ("referer", referer),
            ("host", &host),
        ];
        let answer = browser
            .post_with(&format!("{RPC}/hooks/create"), &[("name", "CANARY")], &headers)
            .await;
        explained(answer, 403, "Request from another site", "nothing was changed").await
    };
    let page = referred(&app.url("/integration/hooks/new?event=a&draft=b")).await;
    let back = "href=\"/integration/hooks/new?event=a&amp;draft=b\">Back to the form</a>";
    assert!(
        page.contains(back) && !page.contains("CANARY") && page.contains("data-theme=\"dark\""),
        "{page}"
    );
    for foreign in
        ["http://evil.example/integration/hooks/new", &app.url("//evil.example/x"), "nonsense"]
    {
        assert!(!referred(foreign).await.contains("Back to the form"), "{foreign}");
    }
    let hooks = app.api(&app.full_token().await, "GET", "/hooks", None).await.1;
    assert_eq!(hooks["items"], serde_json::json!([]));
    // Without a session there is no frame.
    let stranger = app.stranger();
    let missing = stranger.get("/setup?token=wrong").await;
    assert!(!has_frame(&explained(missing, 404, "Not found", "set-up link").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_report_an_unavailable_database_with_retry_after() {
    let app = TestApp::start(TestDb::sqlite()).await;
    let browser = app.browser(Role::Administrator).await;
    app.running.portal.store().clone().close().await;
    let answer = browser.get("/integration/hooks").await;
    assert_eq!(answer.headers()["retry-after"], "10");
    explained(answer, 503, "Not available", "can't reach its database").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_page_depends_on_the_permissions() {
    let app = TestApp::start(TestDb::sqlite()).await;
    for (role, first) in [(Role::Auditor, "/integration/hooks"), (Role::Agent, "/account")] {
        let answer = app.browser(role).await.get("/").await;
        assert_eq!((answer.status().as_u16(), location(&answer)), (303, first));
    }
}
