//! Forms as a browser without scripts posts them.

use service_hooks::domain::{event::EventType, permission::Role};

use crate::support::{
    app::{Browser, TestApp, location},
    db::TestDb,
    on_both,
    receiver::Receiver,
};

on_both!(
    an_invalid_form_is_shown_again_with_its_input,
    a_draft_is_private_to_its_owner,
    a_conflict_of_two_tabs_is_reported_to_the_second,
    the_switch_is_a_form,
    set_up_makes_the_first_administrator_once,
    a_generated_key_is_shown_once_and_used,
    secrets_are_shown_to_those_who_may_see_them,
    delivery_settings_are_validated_and_saved,
);

const CREATE: &str = "/rpc/service_hooks/rpc/hooks/create";
const UPDATE: &str = "/rpc/service_hooks/rpc/hooks/update";

fn form<'a>(url: &'a str, key: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("name", "Wall <board> \"é\""),
        ("event_type", "work_item.closed"),
        ("callback_url", url),
        ("api_key", key),
        ("enabled", "true"),
    ]
}

/// Posts a form, follows the redirect and returns the page.
async fn submit(browser: &Browser, path: &str, form: &[(&str, &str)]) -> (String, String) {
    let answer = browser.post(path, form).await;
    assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
    let to = location(&answer).to_owned();
    let page = browser.get(to.split('#').next().unwrap()).await.text().await.unwrap();
    (to, page)
}

fn draft_of(path: &str) -> &str {
    path.split("draft=").nth(1).unwrap().split(['&', '#']).next().unwrap()
}

async fn an_invalid_form_is_shown_again_with_its_input(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let browser = app.browser(Role::Administrator).await;
    let (path, page) =
        submit(&browser, CREATE, &form("http://10.0.0.1/x", "CANARY-key-0123")).await;
    assert!(path.starts_with("/integration/hooks/new?draft="));
    assert!(page.contains("<title>Error: New hook") && page.contains("There is a problem"));
    assert!(
        page.contains("value=\"Wall &lt;board&gt; &quot;é&quot;\"")
            && page.contains("value=\"http://10.0.0.1/x\""),
        "{page}"
    );
    assert!(page.contains("aria-invalid=\"true\"") && page.contains("id=\"callback_url-error\""));
    assert!(!page.contains("CANARY") && !path.contains("CANARY"), "the key is in the page");
    // Only the URL is corrected; the key is in the draft.
    let url = receiver.url("/in");
    let mut mended = form(&url, "");
    mended.push(("draft", draft_of(&path)));
    let (path, page) = submit(&browser, CREATE, &mended).await;
    assert!(
        path.starts_with("/integration/hooks/01")
            && page.contains("Wall &lt;board&gt; \"é\"\" created."),
        "{path}"
    );
    assert!(
        !browser
            .get(&path)
            .await
            .text()
            .await
            .unwrap()
            .contains("Wall &lt;board&gt; \"é\"\" created."),
        "a flash is shown once"
    );
    let token = app.full_token().await;
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    assert_eq!(receiver.wait_for(1).await[0].header("x-api-key"), "CANARY-key-0123");
    let (_, page) = submit(&browser, CREATE, &[]).await;
    for message in ["Enter a name.", "Choose an event.", "Enter the URL", "Enter the API key"] {
        assert_eq!(
            page.matches(message).count(),
            2,
            "{message}: once in the summary, once at the field"
        );
    }
}

async fn a_draft_is_private_to_its_owner(db: TestDb) {
    let app = TestApp::start(db).await;
    let owner = app.browser(Role::Administrator).await;
    let other = app.browser(Role::IntegrationManager).await;
    let (path, _) = submit(&owner, CREATE, &form("nonsense", "CANARY-key-0123")).await;
    let page = other.get(&path).await.text().await.unwrap();
    assert!(!page.contains("nonsense") && !page.contains("Wall"), "another's draft");
    let stolen = [form("https://example.com/", ""), vec![("draft", draft_of(&path))]].concat();
    let (_, page) = submit(&other, CREATE, &stolen).await;
    assert!(page.contains("Enter the API key"), "another's key");
}

async fn a_conflict_of_two_tabs_is_reported_to_the_second(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let id = hook["id"].as_str().unwrap();
    let browser = app.browser(Role::Administrator).await;
    let url = receiver.url("/in");
    let tab = |name: &'static str, version: &'static str| {
        vec![
            ("id", id),
            ("version", version),
            ("name", name),
            ("event_type", "work_item.closed"),
            ("callback_url", url.as_str()),
            ("enabled", "true"),
        ]
    };
    let (path, _) = submit(&browser, UPDATE, &tab("first", "1")).await;
    assert_eq!(path, format!("/integration/hooks/{id}"));
    let (path, page) = submit(&browser, UPDATE, &tab("second", "1")).await;
    assert!(path.contains("/settings?draft="));
    assert!(
        page.contains("Someone else changed this hook")
            && page.contains(">first<")
            && page.contains("value=\"second\"")
    );
    assert!(page.contains("name=\"version\" value=\"2\""), "saving again is confirmed by the user");
    let (path, _) = submit(&browser, UPDATE, &tab("second", "2")).await;
    assert_eq!(path, format!("/integration/hooks/{id}"));
    assert_eq!(app.api(&token, "GET", &format!("/hooks/{id}"), None).await.1["name"], "second");
}

async fn the_switch_is_a_form(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let id = app.hook(&token, EventType::WorkItemClosed, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let browser = app.browser(Role::Administrator).await;
    let (path, page) = submit(
        &browser,
        "/rpc/service_hooks/rpc/hooks/set_enabled",
        &[("id", &id), ("enabled", "false")],
    )
    .await;
    assert_eq!(path, format!("/integration/hooks#h-{id}"));
    assert!(page.contains("aria-checked=\"false\"") && page.contains("\"hook\" turned off."));
    // A request of the island: it gets JSON and no redirect.
    let json = [("accept", "application/json"), ("sec-fetch-site", "same-origin")];
    let answer = browser
        .post_with(
            "/rpc/service_hooks/rpc/hooks/set_enabled",
            &[("id", &id), ("enabled", "true")],
            &json,
        )
        .await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "true"));
}

async fn set_up_makes_the_first_administrator_once(db: TestDb) {
    let app = TestApp::start(db).await;
    let word = service_hooks::portal::ops::setup::open(&app.running.portal).await.unwrap().unwrap();
    let mut stranger = app.stranger();
    assert_eq!(stranger.get("/setup?token=wrong").await.status(), 404);
    assert_eq!(stranger.get(&format!("/setup?token={word}")).await.status(), 200);
    let post = async |browser: &Browser, password: &str| {
        let form = [
            ("token", word.as_str()),
            ("name", "Ann"),
            ("email", "ann@example.org"),
            ("password", password),
        ];
        browser.post("/rpc/service_hooks/rpc/setup/set_up", &form).await
    };
    let short = post(&stranger, "short").await;
    stranger.keep_cookie(&short);
    let page = stranger.get(location(&short)).await.text().await.unwrap();
    assert!(page.contains("at least 12 characters") && page.contains("value=\"ann@example.org\""));
    for (weak, words) in [
        ("password1234", "one of the most common passwords"),
        ("ghkghkghkghkghk", "repeats the same characters"),
        ("            ", "consists of blanks only"),
        ("ann@example.org", "contains your name"),
    ] {
        let refused = post(&stranger, weak).await;
        stranger.keep_cookie(&refused);
        let page = stranger.get(location(&refused)).await.text().await.unwrap();
        assert!(
            page.contains(words) && page.contains("Choose several unrelated words."),
            "{weak}: {page}"
        );
    }
    let done = post(&stranger, "correct horse battery").await;
    assert_eq!(location(&done), "/integration/hooks");
    stranger.keep_cookie(&done);
    assert_eq!(stranger.get("/integration/hooks").await.status(), 200);
    assert_eq!(post(&app.stranger(), "correct horse battery").await.status(), 404);
    assert_eq!(app.stranger().get(&format!("/setup?token={word}")).await.status(), 404);
    assert!(service_hooks::portal::ops::setup::open(&app.running.portal).await.unwrap().is_none());
}

async fn a_generated_key_is_shown_once_and_used(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let browser = app.browser(Role::Administrator).await;
    let url = receiver.url("/in");
    let (path, page) =
        submit(&browser, "/rpc/service_hooks/rpc/hooks/generate_key", &form(&url, "")).await;
    let key = page.split("value=\"key_").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let key = format!("key_{key}");
    let mut filled = form(&url, &key);
    filled.push(("draft", draft_of(&path)));
    let (path, page) = submit(&browser, CREATE, &filled).await;
    assert!(path.starts_with("/integration/hooks/01") && !page.contains(&key));
    let token = app.full_token().await;
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    assert_eq!(receiver.wait_for(1).await[0].header("x-api-key"), key);
}

async fn secrets_are_shown_to_those_who_may_see_them(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let (id, secret) = (hook["id"].as_str().unwrap(), hook["signing_secret"].as_str().unwrap());
    let reveal = "/rpc/service_hooks/rpc/hooks/reveal";
    let administrator = app.browser(Role::Administrator).await;
    let (path, page) = submit(&administrator, reveal, &[("id", id)]).await;
    assert!(page.contains(secret) && page.contains("the-key") && !path.contains("whsec"));
    assert!(
        !administrator
            .get(&format!("/integration/hooks/{id}"))
            .await
            .text()
            .await
            .unwrap()
            .contains(secret)
    );
    let manager = app.browser(Role::IntegrationManager).await;
    assert_eq!(manager.post(reveal, &[("id", id)]).await.status(), 403);
    let page = manager.get(path.split('#').next().unwrap()).await.text().await.unwrap();
    assert!(!page.contains(secret) && !page.contains("Show API key"), "another's look");
}

async fn delivery_settings_are_validated_and_saved(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let browser = app.browser(Role::Administrator).await;
    let url = receiver.url("/in");
    let with = |schedule: &'static str, order: &'static str| {
        let mut form = form(&url, "k");
        form.extend([
            ("tuning[retry_schedule]", schedule),
            ("tuning[timeout]", "3s"),
            ("tuning[order_by]", order),
        ]);
        form
    };
    let (path, page) = submit(&browser, CREATE, &with("soon", "id")).await;
    assert!(path.starts_with("/integration/hooks/new?draft="), "{path}");
    assert!(
        page.contains("id=\"retry_schedule-error\"") && page.contains("value=\"soon\""),
        "{page}"
    );
    let (_, page) = submit(&browser, CREATE, &with("1s, 1m", "nonsense")).await;
    assert!(
        page.contains("id=\"order_by-error\"") && page.contains("primaryConversationId"),
        "{page}"
    );
    let (path, page) = submit(&browser, CREATE, &with("1s, 1m", "id")).await;
    assert!(page.contains("<dd>1s, 1m") && page.contains("<dt>Ordering key"), "{page}");
    let settings = browser.get(&format!("{path}/settings")).await.text().await.unwrap();
    assert!(
        settings.contains("value=\"1s, 1m\"") && settings.contains("value=\"3s\""),
        "{settings}"
    );
    // An empty field restores the operator's setting.
    let id = path.rsplit('/').next().unwrap();
    let mut form = form(&url, "");
    form.extend([("id", id), ("version", "1"), ("tuning[timeout]", "2s")]);
    let (_, page) = submit(&browser, UPDATE, &form).await;
    assert!(
        !page.contains("<dd>1s, 1m")
            && !page.contains("<dt>Ordering key")
            && page.contains("<dd>2s"),
        "{page}"
    );
}
