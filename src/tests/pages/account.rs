//! The account page: a user's own password and sessions.

use reqwest::StatusCode;
use service_hooks::domain::{id::UserId, permission::Role};
use service_hooks::portal::store::users;

use crate::support::{
    app::{Browser, PASSWORD, TestApp, location},
    db::{self, TestDb},
    on_both,
};

on_both!(
    a_changed_password_ends_all_other_sessions,
    a_rejected_password_changes_nothing,
    guesses_at_the_current_password_are_limited,
    sessions_are_listed_and_ended,
    a_session_of_another_user_is_out_of_reach,
);

const CHANGE: &str = "/rpc/service_hooks/rpc/account/change_password";
const END: &str = "/rpc/service_hooks/rpc/account/end_session";
const END_OTHERS: &str = "/rpc/service_hooks/rpc/account/end_other_sessions";
const SIGN_IN: &str = "/rpc/service_hooks/rpc/session/sign_in";
const EMAIL: &str = "developer@example.org";
const NEW: &str = "purple staple 91 wagon";

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

async fn page(browser: &Browser) -> String {
    browser.get("/account").await.text().await.unwrap()
}

/// Signs in once more. Returns the browser, or where a refused attempt leads.
async fn sign_in(app: &TestApp, password: &str) -> Result<Browser, String> {
    let mut browser = app.stranger();
    let form = [("email", EMAIL), ("password", password)];
    let headers =
        [("sec-fetch-site", "same-origin"), ("accept", "text/html"), ("user-agent", FIREFOX)];
    let answer = browser.post_with(SIGN_IN, &form, &headers).await;
    if location(&answer).starts_with("/sign-in") {
        return Err(location(&answer).to_owned());
    }
    browser.keep_cookie(&answer);
    Ok(browser)
}

async fn status(browser: &Browser) -> StatusCode {
    browser.get("/account").await.status()
}

async fn id_of(app: &TestApp, email: &str) -> UserId {
    let mut conn = app.running.portal.store().read().await.unwrap();
    users::by_email(&mut conn, email).await.unwrap().unwrap().user.id
}

/// The ids of the sessions that can be ended, in the order of the page.
fn ids(page: &str) -> Vec<String> {
    let after = page.split("name=\"id\" value=\"").skip(1);
    after.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

async fn actions(app: &TestApp) -> Vec<String> {
    let target = id_of(app, EMAIL).await.to_string();
    app.audit(&target).await.into_iter().map(|(_, action)| action).collect()
}

async fn a_changed_password_ends_all_other_sessions(db: TestDb) {
    let app = TestApp::start(db).await;
    let mut browser = app.browser(Role::Developer).await;
    let other = sign_in(&app, PASSWORD).await.unwrap();
    let before = browser.clone();
    let form = [("current_password", PASSWORD), ("password", NEW)];
    let answer = browser.post(CHANGE, &form).await;
    assert_eq!((answer.status().as_u16(), location(&answer)), (303, "/account"));
    browser.keep_cookie(&answer);
    let shown = page(&browser).await;
    assert!(shown.contains("Password changed. All your other sessions have ended."), "{shown}");
    assert!(shown.contains("This session") && ids(&shown).is_empty(), "{shown}");
    assert_ne!(before.cookie, browser.cookie);
    assert_eq!(status(&before).await, StatusCode::SEE_OTHER, "the old id of the session is dead");
    assert_eq!(status(&other).await, StatusCode::SEE_OTHER, "the other session has ended");
    assert!(sign_in(&app, PASSWORD).await.is_err(), "the old password");
    assert!(sign_in(&app, NEW).await.is_ok(), "the new password");
    assert!(actions(&app).await.contains(&"user.password_changed".to_owned()));
}

async fn a_rejected_password_changes_nothing(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Developer).await;
    let other = sign_in(&app, PASSWORD).await.unwrap();
    for (current, new, message) in [
        ("", NEW, "Enter your current password."),
        ("not the current one", NEW, "This is not your current password."),
        (PASSWORD, "short", "Choose a password of at least 12 characters."),
        (PASSWORD, "developer@example.org", "password"),
    ] {
        let answer =
            browser.post(CHANGE, &[("current_password", current), ("password", new)]).await;
        let to = location(&answer).to_owned();
        assert!(to.starts_with("/account?draft="), "{current} {new}: {to}");
        let shown = browser.get(&to).await.text().await.unwrap();
        assert!(shown.contains("Error: Your account") && shown.contains(message), "{shown}");
        for typed in [current, new].into_iter().filter(|typed| typed.contains(' ')) {
            assert!(!shown.contains(typed), "a password is in the page");
        }
    }
    assert_eq!(status(&other).await, StatusCode::OK);
    assert!(sign_in(&app, PASSWORD).await.is_ok());
    assert!(!actions(&app).await.contains(&"user.password_changed".to_owned()));
}

async fn guesses_at_the_current_password_are_limited(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Developer).await;
    for guess in 0.. {
        assert!(guess < 100, "nothing limits guesses");
        let wrong = format!("wrong guess {guess}");
        let answer =
            browser.post(CHANGE, &[("current_password", wrong.as_str()), ("password", NEW)]).await;
        let shown = browser.get(location(&answer)).await.text().await.unwrap();
        if shown.contains("Too many wrong passwords.") {
            break;
        }
        assert!(shown.contains("This is not your current password."), "{shown}");
    }
}

async fn sessions_are_listed_and_ended(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Developer).await;
    let one = sign_in(&app, PASSWORD).await.unwrap();
    let mut stream = one.get("/live").await;
    assert_eq!(stream.status(), StatusCode::OK);
    let shown = page(&browser).await;
    assert!(shown.contains("Firefox on Linux") && shown.contains("An unknown device"), "{shown}");
    assert!(shown.contains("127.0.0.1") && shown.contains("This session"), "{shown}");
    let [id] = ids(&shown).try_into().unwrap();
    let answer = browser.post(END, &[("id", id.as_str())]).await;
    assert_eq!(location(&answer), "/account");
    assert_eq!(status(&one).await, StatusCode::SEE_OTHER);
    while stream.chunk().await.unwrap().is_some() {}
    let shown = page(&browser).await;
    assert!(shown.contains("Session ended.") && ids(&shown).is_empty(), "{shown}");

    let others = [sign_in(&app, PASSWORD).await.unwrap(), sign_in(&app, PASSWORD).await.unwrap()];
    browser.post(END_OTHERS, &[]).await;
    assert!(page(&browser).await.contains("2 sessions ended."));
    for other in &others {
        assert_eq!(status(other).await, StatusCode::SEE_OTHER);
    }
    assert_eq!(status(&browser).await, StatusCode::OK);
    let revoked = actions(&app).await;
    assert_eq!(revoked.iter().filter(|action| *action == "session.revoked").count(), 2);
}

async fn a_session_of_another_user_is_out_of_reach(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Developer).await;
    let _second = sign_in(&app, PASSWORD).await.unwrap();
    let admin = app.browser(Role::Administrator).await;
    let shown = page(&admin).await;
    assert!(ids(&shown).is_empty() && !shown.contains("Firefox"), "{shown}");
    for id in ids(&page(&browser).await).iter().map(String::as_str).chain(["", "zz", "00"]) {
        admin.post(END, &[("id", id)]).await;
    }
    admin.post(END_OTHERS, &[]).await;
    assert_eq!(ids(&page(&browser).await).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_on_every_node() {
    let db = std::sync::Arc::new(TestDb::postgres().await);
    let start = async || TestApp::start_with(db.clone(), db::config(db.settings())).await;
    let (near, far) = (start().await, start().await);
    let browser = near.browser(Role::Developer).await;
    let other = sign_in(&far, PASSWORD).await.unwrap();
    let mut stream = other.get("/live").await;
    assert_eq!(stream.status(), StatusCode::OK);
    browser.post(END_OTHERS, &[]).await;
    assert_eq!(status(&other).await, StatusCode::SEE_OTHER);
    while stream.chunk().await.unwrap().is_some() {}
}
