//! Forms that are posted after their session has ended: nothing that was typed is lost, nothing is
//! carried out without a new click, and no other user sees it.

use service_hooks::domain::{event::EventType, permission::Role};

use crate::support::{
    app::{Browser, PASSWORD, TestApp, location},
    db::TestDb,
    on_both,
    receiver::Receiver,
    sql,
};

on_both!(
    a_new_hook_survives_the_end_of_its_session,
    every_form_comes_back_as_it_was_typed,
    a_kept_form_is_only_for_its_user_and_browser,
    strangers_and_other_sites_cannot_have_forms_kept,
    a_form_whose_hook_was_deleted_makes_it_again,
    an_ended_session_leads_back_to_the_page,
);

const CREATE: &str = "/rpc/service_hooks/rpc/hooks/create";
const UPDATE: &str = "/rpc/service_hooks/rpc/hooks/update";
const SEND: &str = "/rpc/service_hooks/rpc/test_send/send_body";
const SAVE: &str = "/rpc/service_hooks/rpc/preferences/save";
const SIGN_IN: &str = "/rpc/service_hooks/rpc/session/sign_in";

/// The token in the form of a page.
async fn token_of(browser: &Browser, page: &str) -> String {
    let page = browser.get(page).await.text().await.unwrap();
    let after = page.split("name=\"form_token\" value=\"").nth(1).expect("the form has a token");
    after.split('"').next().unwrap().to_owned()
}

/// Every session ends, as if it had expired.
async fn end_sessions(app: &TestApp) {
    sql::execute(&app.db.settings().database_url(), "DELETE FROM sessions").await.unwrap();
}

/// Follows the redirect to the sign-in page, signs in, and returns the page that this leads to.
async fn sign_in_again(browser: &mut Browser, address: &str, email: &str) -> (String, String) {
    assert!(address.starts_with("/sign-in?ended=kept&next=%2Fresume%3Fform%3D"), "{address}");
    let page = browser.get(address).await.text().await.unwrap();
    assert!(page.contains("You were signed out before your changes were saved."), "{page}");
    let next = page.split("name=\"next\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = [("email", email), ("password", PASSWORD), ("next", next)];
    let answer = browser.post(SIGN_IN, &form).await;
    browser.keep_cookie(&answer);
    let resumed = browser.get(location(&answer)).await;
    let to = location(&resumed).to_owned();
    if to.is_empty() {
        return (location(&answer).to_owned(), resumed.text().await.unwrap());
    }
    let page = browser.get(to.split('#').next().unwrap()).await.text().await.unwrap();
    (to, page.replace("<!>", ""))
}

fn email(role: Role) -> String {
    format!("{}@example.org", role.key())
}

async fn count(app: &TestApp, table: &str) -> i64 {
    let question = format!("SELECT COUNT(*) FROM {table}");
    sql::number(&app.db.settings().database_url(), &question).await.unwrap()
}

async fn a_new_hook_survives_the_end_of_its_session(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let mut browser = app.browser(Role::Administrator).await;
    let token = token_of(&browser, "/integration/hooks/new").await;
    let url = receiver.url("/in");
    let form = [
        ("form_token", token.as_str()),
        ("name", "Wall <board> \"é\""),
        ("event_type", "work_item.closed"),
        ("callback_url", &url),
        ("api_key", "CANARY-key-0123"),
        ("enabled", "true"),
        ("tuning[timeout]", "3s"),
    ];
    end_sessions(&app).await;
    let answer = browser.post(CREATE, &form).await;
    browser.keep_cookie(&answer);
    assert!(!browser.cookie.contains("CANARY") && !location(&answer).contains("CANARY"));
    let address = location(&answer).to_owned();
    let (to, page) = sign_in_again(&mut browser, &address, &email(Role::Administrator)).await;
    assert!(to.starts_with("/integration/hooks/new?draft="), "{to}");
    assert!(page.contains("Nothing was saved yet"), "{page}");
    assert!(page.contains("value=\"Wall &lt;board&gt; &quot;é&quot;\""), "{page}");
    assert!(page.contains(&format!("value=\"{url}\"")) && page.contains("value=\"3s\""));
    assert!(page.contains("123 is kept") && !page.contains("CANARY"), "the key is only hinted at");
    assert_eq!(count(&app, "hooks").await, 0, "nothing is saved without a new click");
    // The key is in the draft.
    let draft = to.split("draft=").nth(1).unwrap();
    let mut again = form.to_vec();
    again.retain(|(name, _)| *name != "api_key");
    again.push(("draft", draft));
    let created = browser.post(CREATE, &again).await;
    assert!(location(&created).starts_with("/integration/hooks/01"), "{}", location(&created));
    let bearer = app.full_token().await;
    app.emit_sample(&bearer, EventType::WorkItemClosed).await;
    assert_eq!(receiver.wait_for(1).await[0].header("x-api-key"), "CANARY-key-0123");
}

async fn every_form_comes_back_as_it_was_typed(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let bearer = app.full_token().await;
    let hook = app.hook(&bearer, EventType::WorkItemClosed, &receiver).await;
    let id = hook["id"].as_str().unwrap();
    let mut browser = app.browser(Role::Administrator).await;
    let settings = format!("/integration/hooks/{id}/settings");
    let test = format!("/integration/hooks/{id}/test");
    let url = receiver.url("/other");
    let large = format!("{{\"typed\": \"{}\"}}", "x".repeat(100_000));
    type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a str, &'a str);
    let cases: [Case; 3] = [
        (
            UPDATE,
            &settings,
            vec![
                ("id", id),
                ("version", "1"),
                ("name", "Renamed"),
                ("event_type", "work_item.closed"),
                ("callback_url", &url),
            ],
            &settings,
            "value=\"Renamed\"",
        ),
        (SEND, &test, vec![("id", id), ("body", &large)], &test, &large),
        (
            SAVE,
            "/account",
            vec![("theme", "dark"), ("time_zone", "Asia/Kathmandu"), ("hours", "12")],
            "/account",
            "<option selected>Asia/Kathmandu",
        ),
    ];
    for (function, page, form, back, typed) in cases {
        let token = token_of(&browser, page).await;
        let form = [form, vec![("form_token", token.as_str())]].concat();
        end_sessions(&app).await;
        let answer = browser.post(function, &form).await;
        browser.keep_cookie(&answer);
        let address = location(&answer).to_owned();
        let (to, page) = sign_in_again(&mut browser, &address, &email(Role::Administrator)).await;
        assert!(to.starts_with(back) && to.contains("?draft="), "{to}");
        assert!(page.contains(typed) && page.contains("Nothing was saved yet"), "{page}");
    }
    let (_, unchanged) = app.api(&bearer, "GET", &format!("/hooks/{id}"), None).await;
    assert_eq!((&unchanged["name"], &unchanged["version"]), (&"hook".into(), &1.into()));
    assert_eq!(receiver.came().len(), 0, "no test was sent");
}

async fn a_kept_form_is_only_for_its_user_and_browser(db: TestDb) {
    let app = TestApp::start(db).await;
    let mut browser = app.browser(Role::Administrator).await;
    let other = app.browser(Role::IntegrationManager).await;
    let token = token_of(&browser, "/integration/hooks/new").await;
    let form = [("form_token", token.as_str()), ("name", "PRIVATE"), ("api_key", "CANARY")];
    end_sessions(&app).await;
    let answer = browser.post(CREATE, &form).await;
    browser.keep_cookie(&answer);
    let address = location(&answer).to_owned();
    drop(other);
    // Another user in the same browser.
    let (to, page) =
        sign_in_again(&mut browser.clone(), &address, &email(Role::IntegrationManager)).await;
    assert!(to.starts_with("/resume") && page.contains("Another user filled in this form"));
    assert!(!page.contains("PRIVATE") && !page.contains("CANARY"));
    // The same user in another browser.
    let mut elsewhere = app.stranger();
    let (to, page) = sign_in_again(&mut elsewhere, &address, &email(Role::Administrator)).await;
    assert!(to.starts_with("/resume") && page.contains("any more"), "{page}");
    assert!(!page.contains("PRIVATE"));
    // And it is still there for the right one.
    let (_, page) = sign_in_again(&mut browser, &address, &email(Role::Administrator)).await;
    assert!(page.contains("value=\"PRIVATE\""), "{page}");
}

async fn strangers_and_other_sites_cannot_have_forms_kept(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Administrator).await;
    let token = token_of(&browser, "/integration/hooks/new").await;
    let stranger = app.stranger();
    let forged = format!("{}A", &token[..token.len() - 1]);
    for token in ["", "x", &forged[1..], &token[..40]] {
        let answer = stranger.post(CREATE, &[("form_token", token), ("name", "n")]).await;
        assert_eq!((answer.status().as_u16(), location(&answer)), (303, "/sign-in"), "{token}");
    }
    let form = [("form_token", token.as_str()), ("name", "n")];
    let html = ("accept", "text/html");
    for headers in [
        vec![html, ("sec-fetch-site", "cross-site")],
        vec![html, ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
    ] {
        let answer = stranger.post_with(CREATE, &form, &headers).await;
        assert_eq!(answer.status(), 403, "{headers:?}");
    }
    // Without a word about where it comes from, nothing is kept.
    let answer = stranger.post_with(CREATE, &form, &[html]).await;
    assert_eq!(location(&answer), "/sign-in");
    // A form that acts at once is never kept.
    let switch = "/rpc/service_hooks/rpc/hooks/set_enabled";
    assert_eq!(location(&stranger.post(switch, &form).await), "/sign-in");
    assert_eq!(count(&app, "drafts").await, 0);
    // Of one address only a few are kept in a minute, and of a user only a few at once.
    let mut kept = 0;
    for _ in 0..30 {
        let answer = stranger.post(CREATE, &form).await;
        assert_eq!(answer.status(), 303);
        kept += i64::from(location(&answer).contains("ended=kept"));
    }
    // Those with a wrong token counted too, because the limit comes before the body is read.
    assert_eq!((kept, count(&app, "drafts").await), (20 - 4, 16));
}

async fn a_form_whose_hook_was_deleted_makes_it_again(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let bearer = app.full_token().await;
    let hook = app.hook(&bearer, EventType::WorkItemClosed, &receiver).await;
    let id = hook["id"].as_str().unwrap();
    let browser = app.browser(Role::Administrator).await;
    let token = token_of(&browser, &format!("/integration/hooks/{id}/settings")).await;
    let delete = "/rpc/service_hooks/rpc/hooks/delete";
    assert_eq!(browser.post(delete, &[("id", id)]).await.status(), 303);
    let url = receiver.url("/mine");
    let form = [
        ("form_token", token.as_str()),
        ("id", id),
        ("version", "1"),
        ("name", "Mine <b>"),
        ("event_type", "work_item.closed"),
        ("callback_url", &url),
        ("enabled", "true"),
    ];
    let answer = browser.post(UPDATE, &form).await;
    let to = location(&answer).to_owned();
    assert!(to.starts_with("/integration/hooks/new?draft="), "{to}");
    let page = browser.get(&to).await.text().await.unwrap().replace("<!>", "");
    for words in [
        "\"hook\" was deleted",
        "by <b>administrator@example.org</b>",
        "value=\"Mine &lt;b&gt;\"",
        "Create it again with these values",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let draft = to.split("draft=").nth(1).unwrap();
    let mut again = form.to_vec();
    again.extend([("draft", draft), ("api_key", "new-key")]);
    let created = location(&browser.post(CREATE, &again).await).to_owned();
    assert!(created.starts_with("/integration/hooks/01") && !created.contains(id), "{created}");
    app.emit_sample(&bearer, EventType::WorkItemClosed).await;
    assert_eq!(receiver.wait_for(1).await[0].header("x-api-key"), "new-key");
}

async fn an_ended_session_leads_back_to_the_page(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let bearer = app.full_token().await;
    let (id, _) = app.hook_that_delivered(&bearer, &receiver).await;
    let browser = app.browser(Role::Administrator).await;
    end_sessions(&app).await;
    // The address of a preview holds what was typed.
    let preview = format!("/integration/hooks/{id}/recover?since=24h&delivered=true&pace=7");
    let (referer, host) = (app.url(&preview), app.running.address.to_string());
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("accept", "text/html"),
        ("referer", referer.as_str()),
        ("host", &host),
    ];
    let begin = "/rpc/service_hooks/rpc/jobs/begin_recover";
    let answer = browser.post_with(begin, &[("id", &id)], &headers).await;
    let next: String = url::form_urlencoded::byte_serialize(preview.as_bytes()).collect();
    assert_eq!(location(&answer), format!("/sign-in?ended=page&next={next}"));
    let page = browser.get(location(&answer)).await.text().await.unwrap();
    assert!(page.contains("Nothing was changed."), "{page}");
    assert_eq!(count(&app, "jobs").await, 0);
}
