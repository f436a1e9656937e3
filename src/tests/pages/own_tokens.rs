//! API tokens that users make for themselves on the account page.

use reqwest::StatusCode;
use service_hooks::domain::{id::UserId, permission::Role};

use super::once::{at_once, token_of};
use crate::support::{
    app::{Browser, TestApp, location},
    db::{self, TestDb},
    eventually, on_both, sql,
};

on_both!(
    a_token_is_shown_once_works_and_is_revoked_at_once,
    a_token_allows_no_more_than_its_owner_may_do,
    a_form_that_is_sent_twice_makes_one_token_and_shows_it,
    a_rejected_token_is_not_made,
    a_token_of_another_user_is_out_of_reach,
);

const CREATE: &str = "/rpc/service_hooks/rpc/account/create_token";
const REVOKE: &str = "/rpc/service_hooks/rpc/account/revoke_token";

fn form<'a>(name: &'a str, permissions: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let chosen = permissions.iter().map(|permission| ("permissions[]", *permission));
    [("token_name", name), ("days", "30")].into_iter().chain(chosen).collect()
}

async fn text(browser: &Browser, path: &str) -> String {
    browser.get(path).await.text().await.unwrap()
}

/// Makes a token. Returns its secret and its id.
pub(super) async fn make(browser: &Browser, permissions: &[&str]) -> (String, String) {
    let answer = browser.post(CREATE, &form("wallboard", permissions)).await;
    let to = location(&answer).to_owned();
    assert!(to.starts_with("/account?secrets="), "{to}");
    let shown = text(browser, &to).await;
    let secret = shown.split("id=\"new-token-secret\">").nth(1).expect("the token is shown");
    let secret = secret.split('<').next().unwrap().to_owned();
    let again = text(browser, &to).await;
    assert!(!again.contains(&secret), "it is shown once");
    let row = again.split("account/revoke_token").nth(1).expect("the token is listed");
    let id = row.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    (secret, id.to_owned())
}

async fn status(app: &TestApp, token: &str, path: &str) -> u16 {
    app.api(token, "GET", path, None).await.0
}

async fn a_token_is_shown_once_works_and_is_revoked_at_once(db: TestDb) {
    let app = TestApp::start(db).await;
    let url = app.db.settings().database_url();
    let browser = app.browser(Role::Developer).await;
    let (secret, id) = make(&browser, &["hooks:read"]).await;
    assert!(text(&browser, "/account").await.contains(&secret[..8]), "it is recognised by this");
    assert_eq!(status(&app, &secret, "/hooks").await, 200);
    assert_eq!(status(&app, &secret, "/deliveries").await, 403, "not chosen");
    let used = "SELECT COUNT(*) FROM tokens WHERE last_used_at IS NOT NULL";
    eventually("its use is recorded", async || {
        (sql::number(&url, used).await.unwrap() == 1).then_some(())
    })
    .await;
    let answer = browser.post(REVOKE, &[("id", id.as_str())]).await;
    assert_eq!(location(&answer), "/account");
    assert_eq!(status(&app, &secret, "/hooks").await, 401);
    let shown = text(&browser, "/account").await;
    assert!(shown.contains("Token revoked.") && !shown.contains("wallboard"), "{shown}");
    let by = "user:developer@example.org".to_owned();
    let expected = ["token.created", "token.revoked"].map(|action| (by.clone(), action.to_owned()));
    assert_eq!(app.audit(&id).await, expected);
}

async fn a_token_allows_no_more_than_its_owner_may_do(db: TestDb) {
    let app = TestApp::start(db).await;
    let url = app.db.settings().database_url();
    let browser = app.browser(Role::Developer).await;
    let (secret, _) = make(&browser, &["hooks:read", "deliveries:read"]).await;
    let ends = async |wanted: u16, path: &str| {
        eventually("other nodes know it within a second", async || {
            (status(&app, &secret, path).await == wanted).then_some(())
        })
        .await;
    };
    ends(200, "/deliveries").await;
    // As an administrator of another node would do it.
    sql::execute(&url, "UPDATE user_roles SET role = 'agent'").await.unwrap();
    ends(403, "/deliveries").await;
    sql::execute(&url, "UPDATE user_roles SET role = 'developer'").await.unwrap();
    ends(200, "/deliveries").await;
    let disabled = if url.starts_with("sqlite:") { "1" } else { "TRUE" };
    sql::execute(&url, &format!("UPDATE users SET disabled = {disabled}")).await.unwrap();
    ends(401, "/deliveries").await;
}

async fn a_form_that_is_sent_twice_makes_one_token_and_shows_it(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Developer).await;
    let token = token_of(&browser, "/account").await;
    let mut sent = form("wallboard", &["hooks:read"]);
    sent.push(("form_token", &token));
    let led = at_once(&browser, CREATE, &sent).await;
    assert!(led.iter().all(|to| *to == led[0]) && led[0].contains("?secrets="), "{led:?}");
    let shown = text(&browser, &led[0]).await;
    assert!(shown.contains("new-token-secret"), "the last answer shows the secret");
    assert_eq!(shown.matches("account/revoke_token").count(), 1, "{shown}");
}

async fn a_rejected_token_is_not_made(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Developer).await;
    for (name, permissions, message) in [
        ("", &["hooks:read"][..], "Enter a name."),
        ("x", &[][..], "Choose at least one permission."),
        ("x", &["hooks:write"][..], "Choose only permissions that you have yourself."),
        ("x", &["everything"][..], "everything is not a permission."),
    ] {
        let answer = browser.post(CREATE, &form(name, permissions)).await;
        let to = location(&answer).to_owned();
        assert!(to.starts_with("/account?draft="), "{to}");
        let shown = text(&browser, &to).await;
        assert!(shown.contains(message) && shown.contains("Error: Your account"), "{shown}");
    }
    let days = [("token_name", "x"), ("permissions[]", "hooks:read"), ("days", "9999")];
    let answer = browser.post(CREATE, &days).await;
    assert!(text(&browser, location(&answer)).await.contains("Choose when the token expires."));
    let shown = text(&browser, "/account").await;
    assert!(!shown.contains("account/revoke_token"), "nothing was made");
    // Somebody without permissions has nothing to give to a program.
    let agent = app.browser(Role::Agent).await;
    assert!(!text(&agent, "/account").await.contains("New token"));
    for _ in 0..20 {
        browser.post(CREATE, &form("x", &["hooks:read"])).await;
    }
    let answer = browser.post(CREATE, &form("x", &["hooks:read"])).await;
    assert!(text(&browser, location(&answer)).await.contains("You have 20 tokens."));
}

async fn a_token_of_another_user_is_out_of_reach(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Developer).await;
    let (secret, id) = make(&browser, &["hooks:read"]).await;
    let admin = app.browser(Role::Administrator).await;
    assert!(!text(&admin, "/account").await.contains("wallboard"));
    let unknown = UserId(service_hooks::engine::clock::Clock::System.id()).to_string();
    for id in [id.as_str(), unknown.as_str(), "", "x"] {
        assert_eq!(admin.post(REVOKE, &[("id", id)]).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(status(&app, &secret, "/hooks").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_revoked_on_every_node() {
    let db = std::sync::Arc::new(TestDb::postgres().await);
    let start = async || TestApp::start_with(db.clone(), db::config(db.settings())).await;
    let (near, far) = (start().await, start().await);
    let browser = near.browser(Role::Developer).await;
    let (secret, id) = make(&browser, &["hooks:read"]).await;
    assert_eq!(status(&far, &secret, "/hooks").await, 200);
    browser.post(REVOKE, &[("id", id.as_str())]).await;
    eventually("the other node refuses it", async || {
        (status(&far, &secret, "/hooks").await == 401).then_some(())
    })
    .await;
}
