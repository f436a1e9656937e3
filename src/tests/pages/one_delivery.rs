//! The page of one delivery, of every kind in the demo installation: no sentence contradicts
//! another one, and no button is offered that leads nowhere.

use std::collections::BTreeSet;

use service_hooks::{
    domain::{delivery::State, permission::Role},
    portal::demo,
};

use super::log::{page, words};
use crate::support::{
    app::{Browser, TestApp},
    db::TestDb,
    on_both,
};

on_both!(no_page_of_a_delivery_contradicts_itself);

/// Pages read of each state.
const OF_EACH: usize = 6;

async fn no_page_of_a_delivery_contradicts_itself(db: TestDb) {
    let app = TestApp::start(db).await;
    demo::fill(&app.ctx(), "seven purple kettles sing", 7).await.unwrap();
    let token = app.full_token().await;
    let roles = [Role::Administrator, Role::IntegrationManager, Role::Auditor];
    let mut browsers = Vec::new();
    for role in roles {
        browsers.push(app.browser(role).await);
    }
    let mut hooks = BTreeSet::new();
    for state in State::ALL {
        let (_, found) = app
            .api(&token, "GET", &format!("/deliveries?state={}&limit=60", state.key()), None)
            .await;
        let found = found["items"].as_array().unwrap();
        assert!(!found.is_empty(), "the demo has none: {state:?}");
        // Spread over the page, because neighbours are alike.
        for one in found.iter().step_by(found.len().div_ceil(OF_EACH)) {
            let (hook, id) = (one["hook_id"].as_str().unwrap(), one["id"].as_str().unwrap());
            hooks.insert(hook.to_owned());
            let address = format!("/integration/hooks/{hook}/deliveries/{id}");
            for browser in &browsers {
                check(browser, &address).await;
            }
        }
    }
    // Their hooks are deleted.
    for hook in hooks.iter().take(4) {
        let (status, said) = app.api(&token, "DELETE", &format!("/hooks/{hook}"), None).await;
        assert_eq!(status, 204, "{said}");
        let (_, found) =
            app.api(&token, "GET", &format!("/deliveries?hook={hook}&limit=2"), None).await;
        for one in found["items"].as_array().unwrap() {
            let address =
                format!("/integration/hooks/{hook}/deliveries/{}", one["id"].as_str().unwrap());
            let read = check(&browsers[0], &address).await;
            assert!(read.contains("he hook was deleted"), "{address}: {read}");
            assert!(!read.contains("Turn the hook on") && !read.contains("Edit URL"), "{read}");
        }
    }
}

/// Reads a page and returns its words.
async fn check(browser: &Browser, address: &str) -> String {
    let text = page(browser, address).await;
    let read = words(&text);
    for never in ["POST ''", "is due now", "start shortly", "POST \n"] {
        assert!(!read.contains(never), "{never}: {address}: {read}");
    }
    let buttons = text.split("id=\"live-buttons\"").nth(1).unwrap();
    let buttons = buttons.split("</div>").next().unwrap();
    let primary = buttons.matches("primary").count();
    assert!(primary <= 1, "{primary} first buttons: {address}: {buttons}");
    let offers = buttons.contains("/redeliver\"");
    let denies = read.contains("You can't redeliver") || read.contains("can't be redelivered");
    assert!(!(offers && denies), "{address}: {read}");
    let promises = read.contains("will be sent automatically");
    assert!(!(promises && (denies || read.contains("will be cancelled"))), "{address}: {read}");
    assert_eq!(text.matches("id=\"live-verdict\"").count(), 1);
    read
}
