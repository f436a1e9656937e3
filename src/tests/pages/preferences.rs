//! Display preferences of a user: they are stored, and applied in the page that the server renders.

use service_hooks::domain::permission::Role;

use crate::support::{
    app::{Browser, TestApp, location},
    db::TestDb,
    on_both,
    receiver::Receiver,
};

on_both!(preferences_are_kept_and_rendered, an_invalid_preference_is_not_stored);

const SAVE: &str = "/rpc/service_hooks/rpc/preferences/save";
const SET_THEME: &str = "/rpc/service_hooks/rpc/preferences/set_theme";

async fn page(browser: &Browser, path: &str) -> String {
    browser.get(path).await.text().await.unwrap()
}

async fn preferences_are_kept_and_rendered(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let (id, delivery) = app.hook_that_delivered(&token, &receiver).await;
    let delivery = format!("/integration/hooks/{id}/deliveries/{delivery}");
    let browser = app.browser(Role::Developer).await;
    let other = app.browser(Role::Auditor).await;
    let before = page(&browser, &delivery).await;
    assert!(before.contains(" UTC\"") && !before.contains("data-theme"), "{before}");

    let form = [("theme", "dark"), ("time_zone", "Asia/Kathmandu"), ("hours", "12")];
    let saved = browser.post(SAVE, &form).await;
    assert_eq!((saved.status().as_u16(), location(&saved)), (303, "/account"));
    let account = page(&browser, "/account").await;
    assert!(account.contains("Preferences saved."));
    assert!(account.contains("<option selected>Asia/Kathmandu"), "{account}");
    let after = page(&browser, &delivery).await;
    assert!(after.contains("<html lang=\"en\" data-theme=\"dark\""), "{after}");
    // The exact time in the user's zone, and the machine-readable time in UTC.
    let title = after.split("<time datetime=\"").nth(1).unwrap();
    let (utc, title) = title.split_once('"').unwrap();
    assert!(utc.ends_with('Z') && !utc.contains('+'), "{utc}");
    let title = title.split("title=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(title.ends_with("m +05:45 Asia/Kathmandu") && title.contains('m'), "{title}");

    let untouched = page(&other, &delivery).await;
    assert!(
        !untouched.contains("Kathmandu") && !untouched.contains("data-theme"),
        "another's preferences"
    );
    let (referer, host) = (app.url(&delivery), app.running.address.to_string());
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("accept", "text/html"),
        ("referer", &referer),
        ("host", &host),
    ];
    let light = browser.post_with(SET_THEME, &[("theme", "light")], &headers).await;
    assert_eq!(
        (light.status().as_u16(), location(&light)),
        (303, delivery.as_str()),
        "redirects back to the page"
    );
    let after = page(&browser, &delivery).await;
    assert!(
        after.contains("data-theme=\"light\"") && after.contains("Asia/Kathmandu"),
        "only the theme is changed"
    );
    // A script offers the browser's zone as a button of the same form; it takes precedence over the
    // list.
    assert!(account.contains("<div data-zone=\"Asia/Kathmandu\">"), "{account}");
    let offered = [form.as_slice(), &[("use_zone", "Europe/Budapest")]].concat();
    assert_eq!(location(&browser.post(SAVE, &offered).await), "/account");
    assert!(page(&browser, "/account").await.contains("<option selected>Europe/Budapest"));
}

async fn an_invalid_preference_is_not_stored(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Agent).await;
    let form = [("theme", "pink<script>"), ("time_zone", "Atlantis/Poseidonis"), ("hours", "13")];
    let answer = browser.post(SAVE, &form).await;
    let path = location(&answer).to_owned();
    assert!(path.starts_with("/account?draft="), "{path}");
    let shown = page(&browser, &path).await;
    for message in [
        "Choose a theme from the list.",
        "Choose a time zone from the list.",
        "Choose a 24-hour or a 12-hour clock.",
    ] {
        assert_eq!(
            shown.matches(message).count(),
            2,
            "{message}: once in the summary, once at the field"
        );
    }
    assert!(shown.contains("<title>Error: Your account") && !shown.contains("pink<script>"));
    assert!(
        page(&browser, "/account").await.contains("<option selected>UTC"),
        "nothing was stored"
    );
    assert_eq!(browser.post(SET_THEME, &[("theme", "pink")]).await.status(), 422);
    assert_eq!(browser.post(SET_THEME, &[]).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_theme_applies_before_sign_in() {
    let app = TestApp::start(TestDb::sqlite()).await;
    let browser = app.browser(Role::Administrator).await;
    let cookies: Vec<String> = {
        let answer = browser.post(SET_THEME, &[("theme", "dark")]).await;
        answer
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|cookie| cookie.to_str().unwrap().to_owned())
            .collect()
    };
    let cookie = cookies
        .iter()
        .find(|cookie| cookie.starts_with("theme=dark;"))
        .expect("a cookie for the theme");
    for part in ["Path=/", "SameSite=Lax", "HttpOnly", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let mut stranger = app.stranger();
    assert!(!page(&stranger, "/sign-in").await.contains("data-theme"));
    stranger.cookie = "other=1; theme=dark".into();
    assert!(page(&stranger, "/sign-in").await.contains("<html lang=\"en\" data-theme=\"dark\""));
    stranger.cookie = "theme=\"><script>".into();
    assert!(
        !page(&stranger, "/sign-in").await.contains("data-theme"),
        "an invalid theme is ignored"
    );
}
