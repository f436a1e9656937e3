//! Tests in a browser without scripts: of a hook with a custom payload, and of an unsaved hook.

use service_hooks::{
    domain::{event::EventType, permission::Role},
    engine::{catalogue::sample, delivery::signing},
};

use crate::support::{
    app::{Browser, TestApp, location},
    db::TestDb,
    on_both,
    receiver::{Came, Receiver, Reply},
};

on_both!(
    a_body_is_checked_and_sent_unchanged,
    a_body_cannot_inject_markup,
    the_last_real_event_requires_the_payload_permission,
    a_developer_may_send_the_sample,
    unsaved_values_are_tested_without_saving,
    a_stored_key_is_never_sent_to_another_host,
    too_many_tests_are_rejected,
    warnings_are_shown_and_do_not_prevent_saving,
    a_save_conflict_shows_both_versions,
);

const SEND: &str = "/rpc/service_hooks/rpc/test_send/send_body";
const CHECK: &str = "/rpc/service_hooks/rpc/test_send/check_body";
const TRY: &str = "/rpc/service_hooks/rpc/hooks/try_out";
const CREATE: &str = "/rpc/service_hooks/rpc/hooks/create";
const UPDATE: &str = "/rpc/service_hooks/rpc/hooks/update";

/// Posts a form, follows the redirect and returns URL, status and page.
async fn submit(browser: &Browser, path: &str, form: &[(&str, &str)]) -> (String, u16, String) {
    let answer = browser.post(path, form).await;
    assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
    let to = location(&answer).to_owned();
    let page = browser.get(to.split('#').next().unwrap()).await;
    (to, page.status().as_u16(), page.text().await.unwrap().replace("<!>", ""))
}

fn draft_of(path: &str) -> &str {
    path.split("draft=").nth(1).unwrap().split(['&', '#']).next().unwrap()
}

/// The content of the text field, as a browser would parse it.
fn typed(page: &str) -> String {
    let inside = page.split("<textarea").nth(1).unwrap().split_once('>').unwrap().1;
    let inside = inside.split("</textarea>").next().unwrap();
    inside
        .strip_prefix('\n')
        .unwrap()
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

async fn hook(app: &TestApp, receiver: &Receiver) -> (String, String) {
    let token = app.full_token().await;
    let id = app.hook(&token, EventType::WorkItemClosed, receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    (token, id)
}

async fn a_body_is_checked_and_sent_unchanged(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let (_, id) = hook(&app, &receiver).await;
    let browser = app.browser(Role::IntegrationManager).await;
    let page = browser.get(&format!("/integration/hooks/{id}/test")).await.text().await.unwrap();
    assert_eq!(typed(&page), sample(EventType::WorkItemClosed));

    let (_, _, page) =
        submit(&browser, CHECK, &[("id", &id), ("body", "{\r\n  \"é\": x\r\n}")]).await;
    assert!(page.contains("Line 2, column 8: ") && typed(&page) == "{\n  \"é\": x\n}", "{page}");
    let (path, _, page) =
        submit(&browser, SEND, &[("id", &id), ("body", "{"), ("anyway", "true")]).await;
    assert!(page.contains("Invalid JSON") && page.contains("The test was not sent."), "{page}");
    assert!(
        !path.contains("test=") && !page.contains("Send anyway"),
        "a body that is not JSON is never sent"
    );
    let (_, _, page) = submit(&browser, SEND, &[("id", &id), ("body", "{\"id\": \"\"}")]).await;
    assert!(
        page.contains("<code>result</code> is required") && page.contains("Send anyway"),
        "{page}"
    );
    assert!(receiver.came().is_empty(), "nothing was sent so far");

    let (path, _, page) =
        submit(&browser, SEND, &[("id", &id), ("body", "{\"id\":  \"\"}"), ("anyway", "true")])
            .await;
    assert!(path.contains("&test=") && page.contains("127.0.0.1 returned 200 OK in"), "{page}");
    let own = format!(
        "{}\r\n",
        sample(EventType::WorkItemClosed).replace("Job well done", "tested").replace('\n', "\r\n")
    );
    receiver.reply([Reply::status(503)]);
    let (_, _, page) = submit(&browser, SEND, &[("id", &id), ("body", &own)]).await;
    assert!(
        page.contains("127.0.0.1 returned 503 Service Unavailable in")
            && page.contains("Failed (test)"),
        "{page}"
    );
    assert_eq!(typed(&page), own.replace("\r\n", "\n"));
    let came = receiver.wait_for(2).await;
    assert_eq!(&came[0].body[..], b"{\"id\":  \"\"}", "byte for byte");
    assert_eq!(String::from_utf8_lossy(&came[1].body), own.replace("\r\n", "\n"));
    assert!(came.iter().all(|came| came.header("x-service-hook-test") == "true"
        && came.header("x-api-key") == "the-key"));
    // A failed test does not count as a failure of the hook, and both tests are listed.
    let page = browser.get(&format!("/integration/hooks/{id}/test")).await.text().await.unwrap();
    assert_eq!(page.matches("(test)").count(), 2, "{page}");
    app.assert_balanced().await;
}

async fn a_body_cannot_inject_markup(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let (_, id) = hook(&app, &receiver).await;
    let browser = app.browser(Role::Administrator).await;
    let payload = "\n{\"id\": \"</textarea><script>window.pwned=1</script>&lt;b&gt;\"}";
    for (path, anyway) in [(CHECK, ""), (SEND, ""), (SEND, "true")] {
        let (_, _, page) =
            submit(&browser, path, &[("id", &id), ("body", payload), ("anyway", anyway)]).await;
        assert!(!page.contains("<script>window.pwned"), "{path}: it broke out");
        assert_eq!(typed(&page), payload, "{path}");
    }
}

async fn the_last_real_event_requires_the_payload_permission(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let (token, id) = hook(&app, &receiver).await;
    let manager = app.browser(Role::IntegrationManager).await;
    let path = format!("/integration/hooks/{id}/test?sample=last");
    let page = manager.get(&path).await.text().await.unwrap();
    assert!(
        page.contains("No event yet for this hook")
            && typed(&page) == sample(EventType::WorkItemClosed)
    );
    let data: serde_json::Value = serde_json::from_str(sample(EventType::WorkItemClosed)).unwrap();
    let mut real = data;
    real["notes"] = "CANARY".into();
    real["agent"]["name"] = "CANARY".into();
    real["customer"] = serde_json::json!({"name": "CANARY"});
    real["result"] = "Kept".into();
    let (status, event) = app
        .api(
            &token,
            "POST",
            "/events",
            Some(serde_json::json!({"type": "work_item.closed", "data": real})),
        )
        .await;
    assert_eq!(status, 202);
    app.delivery_in(&token, event["id"].as_str().unwrap(), "delivered").await;
    // A later test is not an event.
    submit(&manager, SEND, &[("id", &id), ("body", sample(EventType::WorkItemClosed))]).await;
    let page = manager.get(&path).await.text().await.unwrap();
    let body = typed(&page);
    assert!(
        body.contains("\"result\": \"Kept\"") && body.contains("\"notes\": \"Masked notes\""),
        "{body}"
    );
    assert!(!page.contains("CANARY") && page.contains("Personal data is masked"), "{page}");
    let (_, _, page) = submit(&manager, SEND, &[("id", &id), ("body", &body)]).await;
    assert!(page.contains("127.0.0.1 returned 200 OK"), "the payload matches the schema: {page}");
    let developer = app.browser(Role::Developer).await;
    let page = developer.get(&path).await.text().await.unwrap();
    assert!(!page.contains("CANARY") && !page.contains("Last event, masked"), "{page}");
}

async fn a_developer_may_send_the_sample(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let (_, id) = hook(&app, &receiver).await;
    let developer = app.browser(Role::Developer).await;
    let (path, _, page) =
        submit(&developer, SEND, &[("id", &id), ("body", sample(EventType::WorkItemClosed))]).await;
    assert!(
        page.contains("127.0.0.1 returned 200 OK in") && receiver.wait_for(1).await.len() == 1,
        "{page}"
    );
    // Another user sees the result of the same test, but not its payload; another hook's page does
    // not show it.
    let manager = app.browser(Role::IntegrationManager).await;
    let (theirs, _, page) =
        submit(&manager, SEND, &[("id", &id), ("body", sample(EventType::WorkItemClosed))]).await;
    assert!(page.contains(">answer</pre>"), "the response of their own test: {page}");
    let theirs = theirs.split("test=").nth(1).unwrap().split('#').next().unwrap();
    let page = developer
        .get(&format!("/integration/hooks/{id}/test?test={theirs}"))
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("returned 200") && !page.contains(">answer</pre>"), "another's: {page}");
    let (_, other) = hook(&app, &receiver).await;
    let test = path.split("test=").nth(1).unwrap().split('#').next().unwrap();
    let page = developer
        .get(&format!("/integration/hooks/{other}/test?test={test}"))
        .await
        .text()
        .await
        .unwrap();
    assert!(!page.contains("returned 200"), "{page}");
    assert_eq!(
        app.browser(Role::Auditor)
            .await
            .get(&format!("/integration/hooks/{id}/test"))
            .await
            .status(),
        403
    );
}

fn form<'a>(url: &'a str, key: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("event_type", "work_item.closed"), ("callback_url", url), ("api_key", key)]
}

fn is_signed(came: &Came, secret: &str) -> bool {
    let secret = signing::secret_bytes(secret).unwrap();
    let timestamp = came.header("webhook-timestamp").parse().unwrap();
    signing::verify(
        &secret,
        came.header("webhook-id"),
        timestamp,
        &came.body,
        came.header("webhook-signature"),
    )
}

/// The secret shown on a page.
fn shown_secret(page: &str) -> &str {
    let secret = page.split("whsec_").nth(1).unwrap().split('<').next().unwrap();
    &page[page.find("whsec_").unwrap()..][..secret.len() + "whsec_".len()]
}

async fn unsaved_values_are_tested_without_saving(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let browser = app.browser(Role::IntegrationManager).await;
    let token = app.full_token().await;
    // The errors are those of saving, except that a test needs no name.
    let (_, _, page) = submit(&browser, TRY, &form("http://10.0.0.1/x", "")).await;
    assert!(
        page.contains("id=\"callback_url-error\"") && page.contains("id=\"api_key-error\""),
        "{page}"
    );
    assert!(!page.contains("id=\"name-error\""), "{page}");

    let url = receiver.url("/in");
    receiver.reply([Reply::status(418)]);
    let (path, _, page) = submit(&browser, TRY, &form(&url, "CANARY-key-0123")).await;
    assert!(
        path.ends_with("#trial") && page.contains("127.0.0.1 returned 418 in"),
        "{path} {page}"
    );
    assert!(!page.contains("CANARY") && page.contains("••••"), "the key is not in the page");
    let secret = shown_secret(&page).to_owned();
    let (_, hooks) = app.api(&token, "GET", "/hooks", None).await;
    assert_eq!(hooks["items"].as_array().unwrap().len(), 0, "nothing is saved");
    assert_eq!(app.balance().await.accepted, 0, "nothing is recorded");
    let audit = app.audit("a hook not saved yet").await;
    assert_eq!(
        audit,
        [("user:integration-manager@example.org".to_owned(), "hook.tried".to_owned())]
    );

    // A second test, a generated key and an error in between do not change the secret that was
    // shown.
    let mut again = form(&url, "");
    again.push(("draft", draft_of(&path)));
    let (path, _, page) = submit(&browser, TRY, &again).await;
    assert_eq!(shown_secret(&page), secret);
    let mut nameless = form(&url, "");
    nameless.push(("draft", draft_of(&path)));
    let (path, _, _) = submit(&browser, CREATE, &nameless).await;
    let mut named = form(&url, "");
    named.extend([("draft", draft_of(&path)), ("name", "tested"), ("enabled", "true")]);
    let (path, _, page) = submit(&browser, CREATE, &named).await;
    assert!(
        path.starts_with("/integration/hooks/01")
            && page.contains("uses the signing secret from your test"),
        "{page}"
    );
    // A draft that is gone may have had a test, or not.
    let mut lost = form(&url, "another-key");
    lost.extend([("draft", "0193a1b2-0000-7000-8000-000000000000"), ("name", "lost")]);
    let (_, _, page) = submit(&browser, CREATE, &lost).await;
    assert!(page.contains("If you tested it before") && !page.contains("expired"), "{page}");
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    let came = receiver.wait_for(3).await;
    assert!(
        came.iter()
            .all(|came| is_signed(came, &secret) && came.header("x-api-key") == "CANARY-key-0123")
    );
    assert_eq!(came.iter().filter(|came| came.header("x-service-hook-test") == "true").count(), 2);
    assert_eq!(&came[0].body[..], sample(EventType::WorkItemClosed).as_bytes());
    app.assert_balanced().await;
}

async fn a_stored_key_is_never_sent_to_another_host(db: TestDb) {
    let app = TestApp::start(db).await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let token = app.full_token().await;
    let made = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let (id, secret) = (made["id"].as_str().unwrap(), made["signing_secret"].as_str().unwrap());
    let browser = app.browser(Role::Administrator).await;
    let with = |url: &str, key: &str| {
        let own = [("id", id), ("version", "1"), ("name", "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let rest = form(url, key)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<Vec<_>>();
        own.into_iter().chain(rest).collect::<Vec<_>>()
    };
    let trial = async |url: &str, key: &str| {
        let form = with(url, key);
        let form: Vec<_> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        submit(&browser, TRY, &form).await.2
    };
    let page = trial(&receiver.url("/elsewhere"), "").await;
    assert!(
        page.contains("returned 200") && page.contains("The hook&#x27;s signing secret")
            || page.contains("The hook's signing secret"),
        "{page}"
    );
    for foreign in [other.url("/in"), receiver.url("/in").replace("127.0.0.1", "localhost")] {
        let page = trial(&foreign, "").await;
        assert!(page.contains("Enter the API key again"), "{foreign}: {page}");
    }
    let page = trial(&other.url("/in"), "a-new-key").await;
    assert!(page.contains("Used for this test only"), "{page}");
    let fresh = shown_secret(&page).to_owned();
    let (came, foreign) = (receiver.wait_for(1).await, other.wait_for(1).await);
    assert_eq!(
        (came.len(), came[0].header("x-api-key"), is_signed(&came[0], secret)),
        (1, "the-key", true)
    );
    assert_eq!((foreign.len(), foreign[0].header("x-api-key")), (1, "a-new-key"));
    assert!(is_signed(&foreign[0], &fresh) && !is_signed(&foreign[0], secret));
    // The hook itself is unchanged.
    let (_, hook) = app.api(&token, "GET", &format!("/hooks/{id}"), None).await;
    assert_eq!(
        (&hook["version"], hook["callback_url"].as_str().unwrap()),
        (&1.into(), receiver.url("/in").as_str())
    );
}

async fn too_many_tests_are_rejected(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let browser = app.browser(Role::Administrator).await;
    let url = receiver.url("/in");
    for _ in 0..12 {
        assert_eq!(browser.post(TRY, &form(&url, "k")).await.status(), 303);
    }
    let (_, _, page) = submit(&browser, TRY, &form(&url, "k")).await;
    assert!(
        page.contains("Test limit reached:") && page.contains(&format!("value=\"{url}\"")),
        "{page}"
    );
    assert_eq!(receiver.came().len(), 12);
}

async fn warnings_are_shown_and_do_not_prevent_saving(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let (_, id) = hook(&app, &receiver).await;
    let browser = app.browser(Role::Administrator).await;
    let create = async |url: &str| {
        let mut form = form(url, "k");
        form.extend([("name", "n"), ("enabled", "true")]);
        let (path, _, page) = submit(&browser, CREATE, &form).await;
        assert!(path.starts_with("/integration/hooks/01"), "it is saved anyway: {page}");
        page
    };
    let page = create(&receiver.url("/in")).await;
    assert!(page.contains("\"hook\" already sends this event to this URL"), "{page}");
    let page = create("http://crm.example.org/in").await;
    assert!(page.contains("the name does not resolve") && page.contains("Plain HTTP"), "{page}");
    // A port without a listener: it was ours a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let page = create(&format!("http://{gone}/in")).await;
    assert!(page.contains("connect to 127.0.0.1, port ") && !page.contains("Plain HTTP"), "{page}");
    // Before saving, beside its field.
    let (_, _, page) = submit(&browser, TRY, &form(&receiver.url("/in"), "k")).await;
    assert!(
        page.contains("id=\"callback_url-warning\"") && page.contains("hint callback_url-warning"),
        "{page}"
    );
    let page = create(&receiver.url("/other")).await;
    assert!(!page.contains("Warning:"), "{page}");
    // Together with other errors, so that all can be fixed at once: for a new hook, a changed hook,
    // and a test.
    let warned = format!("http://{gone}/in");
    for (path, id) in [(CREATE, ""), (UPDATE, id.as_str()), (TRY, id.as_str())] {
        let mut both = form(&warned, "k y");
        both.extend([("id", id), ("version", "1"), ("name", "n"), ("enabled", "true")]);
        let (_, _, page) = submit(&browser, path, &both).await;
        let page = page.replace("<!>", "");
        assert!(
            page.contains("There is a problem") && page.contains("class=\"error\">Error: Use only"),
            "{path}: {page}"
        );
        let warning = page
            .split("id=\"callback_url-warning\"")
            .nth(1)
            .expect("a warning")
            .split("</p>")
            .next()
            .unwrap();
        assert!(
            warning.contains("Warning: ") && warning.contains("connect to 127.0.0.1"),
            "{path}: {warning}"
        );
        assert!(
            page.contains("aria-describedby=\"callback_url-hint callback_url-warning\""),
            "{path}: {page}"
        );
        assert!(!page.contains("id=\"callback_url-error\""), "{path}: {page}");
    }
    // A hook is not a duplicate of itself, and a rejected form is not checked for duplicates.
    let url = receiver.url("/in");
    let own = [form(&url, "k"), vec![("id", &id), ("version", "1"), ("name", "")]].concat();
    let (_, _, page) = submit(&browser, UPDATE, &own).await;
    assert!(
        page.contains("Enter a name.") && page.contains("\"n\" already sends this event"),
        "{page}"
    );
    assert!(!page.contains("\"hook\" already sends"), "{page}");
    let (_, _, page) = submit(&browser, CREATE, &form("http://10.0.0.1/in", "k")).await;
    assert!(page.contains("id=\"callback_url-error\"") && !page.contains("-warning\""), "{page}");
}

async fn a_save_conflict_shows_both_versions(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let (token, id) = hook(&app, &receiver).await;
    let browser = app.browser(Role::Administrator).await;
    let patch = serde_json::json!({"name": "theirs", "timeout": "3s"});
    assert_eq!(app.api(&token, "PATCH", &format!("/hooks/{id}"), Some(patch)).await.0, 200);
    let url = receiver.url("/in");
    let mut ours = form(&url, "CANARY-key-0123");
    ours.extend([("id", id.as_str()), ("version", "1"), ("name", "ours"), ("enabled", "true")]);
    let (path, status, page) = submit(&browser, UPDATE, &ours).await;
    assert_eq!(status, 409, "{path}");
    for said in ["theirs", "ours", "3s", "server default", "123 (new)"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(page.contains("3 values differ.") && !page.contains("CANARY"), "{page}");
    assert!(page.contains("name=\"version\" value=\"2\""), "saving again is confirmed by the user");
}
