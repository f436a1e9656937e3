//! Calls every page, server function and API operation without a session, with a role that lacks
//! the permission, and with a role that has it. Anything new that is not in these tables fails the
//! test.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use service_hooks::{
    domain::{
        event::EventType,
        permission::{Permission, Role},
    },
    http::{api::v1::ROUTES, identify::is_open, pages::paths},
};

use crate::support::{
    app::{Browser, TestApp, location},
    db::TestDb,
    receiver::Receiver,
};

/// Pages, and the permission that each requires. `None`: no sign-in needed. Files and redirects are
/// included.
const PAGES: &[(&str, Option<Permission>)] = &[
    ("/sign-in", None),
    ("/setup", None),
    ("/status", Some(Permission::SystemRead)),
    ("/integration/hooks", Some(Permission::HooksRead)),
    ("/integration/hooks/new", Some(Permission::HooksWrite)),
    ("/integration/hooks/switch", Some(Permission::HooksWrite)),
    ("/integration/hooks/{id}", Some(Permission::HooksRead)),
    ("/integration/hooks/{id}/settings", Some(Permission::HooksWrite)),
    ("/integration/hooks/{id}/measured.csv", Some(Permission::DeliveriesRead)),
    ("/integration/hooks/{id}/test", Some(Permission::HooksTest)),
    ("/integration/hooks/{id}/delete", Some(Permission::HooksWrite)),
    ("/integration/hooks/{id}/deliveries", Some(Permission::DeliveriesRead)),
    ("/integration/hooks/{id}/deliveries/{delivery}", Some(Permission::DeliveriesRead)),
    ("/integration/hooks/{id}/deliveries/{delivery}/redeliver", Some(Permission::DeliveriesReplay)),
    ("/integration/hooks/{id}/deliveries/{delivery}/body.json", Some(Permission::PayloadsRead)),
    ("/integration/deliveries", Some(Permission::DeliveriesRead)),
    ("/integration/deliveries/export", Some(Permission::DeliveriesRead)),
    ("/integration/hooks/{id}/deliveries/export", Some(Permission::DeliveriesRead)),
    ("/integration/deliveries/redeliver", Some(Permission::DeliveriesReplay)),
    ("/integration/hooks/{id}/recover", Some(Permission::DeliveriesReplay)),
    ("/integration/deliveries/recover", Some(Permission::DeliveriesReplay)),
    ("/integration/undelivered", Some(Permission::DeliveriesRead)),
    ("/integration/hooks/{id}/dismiss", Some(Permission::DeliveriesReplay)),
    ("/integration/dismissed", Some(Permission::DeliveriesRead)),
    ("/integration/jobs", Some(Permission::DeliveriesRead)),
    ("/integration/jobs/{id}", Some(Permission::DeliveriesRead)),
    ("/integration/events", Some(Permission::HooksRead)),
    ("/integration/events/{key}", Some(Permission::HooksRead)),
    ("/integration/events/{key}/schema.json", Some(Permission::HooksRead)),
    ("/integration/events/{key}/sample.json", Some(Permission::HooksRead)),
    ("/integration/events/schemas.zip", Some(Permission::HooksRead)),
];

/// Pages for all signed-in users, regardless of their role.
const SIGNED_IN: &[&str] = &["/account", "/resume", "/search", "/shortcuts", "/styleguide"];

/// Event streams: they do not end while a page is open, so only their start is read.
/// It says only that something has changed, so every signed-in user may open it.
const STREAM: &str = "/live";

/// Server functions, by module and name. `None`: open to all, or to all signed-in users.
const FUNCTIONS: &[(&str, Option<Permission>)] = &[
    ("session/read_frame", None),
    ("session/take_flash", None),
    ("session/read_sign_in", None),
    ("session/sign_in", None),
    ("session/sign_out", None),
    ("session/resume", None),
    ("session/not_found", None),
    ("search/find", None),
    ("first_steps/read_steps", None),
    ("account/change_password", None),
    ("account/end_session", None),
    ("account/end_other_sessions", None),
    ("account/create_token", None),
    ("account/revoke_token", None),
    ("preferences/read", None),
    ("preferences/save", None),
    ("preferences/set_theme", None),
    ("setup/read_setup", None),
    ("setup/set_up", None),
    ("status/read", Some(Permission::SystemRead)),
    ("hooks/list", Some(Permission::HooksRead)),
    ("hooks/matching", Some(Permission::HooksWrite)),
    ("hooks/set_enabled_matching", Some(Permission::HooksWrite)),
    ("hooks/head", None),
    ("hooks/detail", Some(Permission::HooksRead)),
    ("hooks/new_editor", Some(Permission::HooksWrite)),
    ("hooks/editor", Some(Permission::HooksWrite)),
    ("hooks/deletion", Some(Permission::HooksWrite)),
    ("hooks/create", Some(Permission::HooksWrite)),
    ("hooks/update", Some(Permission::HooksWrite)),
    ("hooks/generate_key", Some(Permission::HooksWrite)),
    ("hooks/try_out", Some(Permission::HooksWrite)),
    ("test_send/read_test", Some(Permission::HooksTest)),
    ("test_send/check_body", Some(Permission::HooksTest)),
    ("test_send/send_body", Some(Permission::HooksTest)),
    ("hooks/set_enabled", Some(Permission::HooksWrite)),
    ("hooks/set_enabled_many", Some(Permission::HooksWrite)),
    ("hooks/delete", Some(Permission::HooksWrite)),
    ("hooks/reveal", Some(Permission::SecretsReveal)),
    ("hooks/send_test", Some(Permission::HooksTest)),
    ("deliveries/detail", Some(Permission::DeliveriesRead)),
    ("deliveries/ask_redeliver", Some(Permission::DeliveriesReplay)),
    ("deliveries/redeliver", Some(Permission::DeliveriesReplay)),
    ("deliveries/redeliver_many", Some(Permission::DeliveriesReplay)),
    ("hooks/try_now", Some(Permission::DeliveriesReplay)),
    ("dismissals/ask_dismiss", Some(Permission::DeliveriesReplay)),
    ("dismissals/dismiss", Some(Permission::DeliveriesReplay)),
    ("dismissals/read_dismissals", Some(Permission::DeliveriesRead)),
    ("dismissals/undo", Some(Permission::DeliveriesReplay)),
    ("jobs/read_recover", Some(Permission::DeliveriesReplay)),
    ("jobs/begin_recover", Some(Permission::DeliveriesReplay)),
    ("jobs/read_job", Some(Permission::DeliveriesRead)),
    ("jobs/read_jobs", Some(Permission::DeliveriesRead)),
    ("jobs/move_job", Some(Permission::DeliveriesReplay)),
    ("log/save_view", Some(Permission::DeliveriesRead)),
    ("log/remove_view", None),
    ("log/read_log", Some(Permission::DeliveriesRead)),
    ("log/read_inbox", Some(Permission::DeliveriesRead)),
    ("events/list", Some(Permission::HooksRead)),
    ("events/detail", Some(Permission::HooksRead)),
];

/// Functions that would change the scene for the following roles. (`pages` calls them with the
/// right role.)
const CHANGES: &[&str] = &[
    "hooks/create",
    "hooks/update",
    "hooks/set_enabled",
    "hooks/set_enabled_many",
    "hooks/set_enabled_matching",
    "hooks/delete",
    "deliveries/redeliver",
    "jobs/begin_recover",
    "jobs/move_job",
    "dismissals/ask_dismiss",
    "dismissals/dismiss",
    "dismissals/undo",
];

struct Scene {
    app: TestApp,
    hook: String,
    delivery: String,
    event: String,
    job: String,
    dismissal: String,
}

async fn scene() -> Scene {
    let app = TestApp::start(TestDb::sqlite()).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    let delivery =
        app.delivery_in(&token, &event, "delivered").await["id"].as_str().unwrap().to_owned();
    // An empty job: nothing failed.
    let (status, job) = app
        .api(
            &token,
            "POST",
            "/deliveries/redeliver",
            Some(serde_json::json!({"states": ["failed"]})),
        )
        .await;
    assert_eq!(status, 202, "{job}");
    let job = job["id"].as_str().unwrap().to_owned();
    let empty = serde_json::json!({"state": "failed", "reason": "Nothing to send"});
    let (status, dismissal) =
        app.api(&token, "POST", &format!("/hooks/{hook}/dismiss"), Some(empty)).await;
    assert_eq!(status, 200, "{dismissal}");
    let dismissal = dismissal["id"].as_str().unwrap().to_owned();
    Scene { app, hook, delivery, event, job, dismissal }
}

impl Scene {
    fn id_in(&self, pattern: &str) -> &str {
        match pattern {
            _ if pattern.starts_with("/events/") => &self.event,
            _ if pattern.starts_with("/deliveries/") => &self.delivery,
            _ if pattern.starts_with("/dismissals/") => &self.dismissal,
            _ if pattern.starts_with("/jobs/") || pattern.starts_with("/integration/jobs/") => {
                &self.job
            }
            _ => &self.hook,
        }
    }

    fn path(&self, pattern: &str) -> String {
        pattern
            .replace("{id}", self.id_in(pattern))
            .replace("{delivery}", &self.delivery)
            .replace("{key}", EventType::WorkItemClosed.key())
    }
}

fn roles_without(permission: Permission) -> impl Iterator<Item = Role> {
    Role::ALL.iter().copied().filter(move |role| !role.permissions().has(permission))
}

#[test]
fn the_permission_tables_are_complete() {
    let named = PAGES.iter().map(|(path, _)| *path).chain(SIGNED_IN.iter().copied());
    let listed: BTreeSet<String> = named.map(str::to_owned).collect();
    let mut real: BTreeSet<String> = paths().into_iter().collect();
    for file in [
        "/integration/events/{key}/schema.json",
        "/integration/events/{key}/sample.json",
        "/integration/events/schemas.zip",
        "/integration/hooks/{id}/measured.csv",
        "/integration/deliveries/export",
        "/integration/hooks/{id}/deliveries/export",
        "/integration/hooks/{id}/deliveries/{delivery}/body.json",
    ] {
        real.insert(file.to_owned());
    }
    assert_eq!(real, listed, "pages");

    let listed: BTreeSet<String> =
        FUNCTIONS.iter().map(|(name, _)| format!("/rpc/service_hooks/rpc/{name}")).collect();
    let functions: Vec<_> = leptos::server_fn::axum::server_fn_paths().collect();
    assert!(
        functions.iter().all(|(_, method)| method == "POST"),
        "a server function that GET reaches must not exist"
    );
    let real: BTreeSet<String> = functions.into_iter().map(|(path, _)| path.to_owned()).collect();
    assert_eq!(real, listed, "server functions");

    let source = include_str!("../http/api/v1/mod.rs");
    let routed = source.matches(".route(\"").count()
        + source.matches(").post(").count()
        + source.matches(").patch(").count()
        + source.matches(").delete(").count();
    // `http::emit` serves one route that is not in that file.
    assert_eq!(routed + 1, ROUTES.len(), "operations of the API");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_without_a_session_redirect_to_sign_in() {
    let scene = scene().await;
    let stranger = scene.app.stranger();
    for (pattern, permission) in PAGES {
        let path = scene.path(pattern);
        let answer = stranger.get(&path).await;
        assert_eq!(permission.is_none(), is_open(pattern), "{pattern}");
        if permission.is_some() {
            assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
            assert!(location(&answer).starts_with("/sign-in?next=%2F"), "{path}");
            assert!(answer.text().await.unwrap().is_empty());
        }
    }
    for path in SIGNED_IN {
        let answer = stranger.get(path).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(location(&answer), format!("/sign-in?next={}", path.replace('/', "%2F")));
    }
    for (name, permission) in FUNCTIONS {
        let path = format!("/rpc/service_hooks/rpc/{name}");
        let form = [("id", scene.hook.as_str())];
        let json = [("accept", "application/json"), ("sec-fetch-site", "same-origin")];
        let answer = stranger.post_with(&path, &form, &json).await;
        if permission.is_some() {
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{name}");
            let answer = stranger.post(&path, &form).await;
            assert_eq!(
                (answer.status(), location(&answer)),
                (StatusCode::SEE_OTHER, "/sign-in"),
                "{name}"
            );
        }
    }
    for (method, pattern, permission) in ROUTES {
        let path = format!("/api/v1{}", scene.path(pattern));
        for header in ["", "Bearer shk_wrong", "Bearer wrong", "Basic eDp5"] {
            let answer = scene
                .app
                .request(method, &path)
                .header("authorization", header)
                .send()
                .await
                .unwrap();
            let wanted =
                if permission.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
            assert_eq!(answer.status(), wanted, "{method} {path} with {header:?}");
        }
    }
    scene.app.assert_balanced().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_without_the_permission_are_refused_and_shown_nothing() {
    let scene = scene().await;
    for role in Role::ALL {
        let browser = scene.app.browser(*role).await;
        for (pattern, permission) in PAGES {
            let Some(permission) = permission else { continue };
            let path = scene.path(pattern);
            let answer = browser.get(&path).await;
            let wanted = if role.permissions().has(*permission) {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            };
            assert_eq!(answer.status(), wanted, "{path} as {}", role.key());
            let text = answer.text().await.unwrap();
            if wanted == StatusCode::FORBIDDEN {
                assert!(
                    !text.contains("127.0.0.1:") && !text.contains("customerIdentifier"),
                    "{path} shows something"
                );
            }
        }
        for path in SIGNED_IN {
            assert_eq!(
                browser.get(path).await.status(),
                StatusCode::OK,
                "{path} as {}",
                role.key()
            );
        }
        for (name, permission) in FUNCTIONS {
            let Some(permission) = permission else { continue };
            let may = role.permissions().has(*permission);
            if !(may && CHANGES.contains(name)) {
                assert_function(&scene, &browser, name, may).await;
            }
        }
    }
    // None of these calls changed anything.
    let token = scene.app.full_token().await;
    let (_, hook) = scene.app.api(&token, "GET", &format!("/hooks/{}", scene.hook), None).await;
    assert_eq!((&hook["version"], &hook["enabled"]), (&1.into(), &true.into()));
}

/// A call without the permission is rejected for forms and scripts; a call with it succeeds.
async fn assert_function(scene: &Scene, browser: &Browser, name: &str, may: bool) {
    let id = match name.split('/').next() {
        Some("deliveries") => &scene.delivery,
        Some("jobs") if !name.ends_with("recover") => &scene.job,
        _ => &scene.hook,
    };
    let form = [("id", id.as_str()), ("key", "work_item.closed")];
    for accept in ["text/html", "application/json"] {
        let headers = [("accept", accept), ("sec-fetch-site", "same-origin")];
        let answer =
            browser.post_with(&format!("/rpc/service_hooks/rpc/{name}"), &form, &headers).await;
        let status = answer.status();
        if may {
            assert!(status.is_success() || status == StatusCode::SEE_OTHER, "{name}: {status}");
        } else {
            assert_eq!(status, StatusCode::FORBIDDEN, "{name}");
            assert!(!answer.text().await.unwrap().contains("127.0.0.1:"), "{name} shows something");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_requires_a_session() {
    let scene = scene().await;
    let browsers = [(None, scene.app.stranger())];
    let mut browsers = Vec::from(browsers);
    for role in Role::ALL {
        browsers.push((Some(*role), scene.app.browser(*role).await));
    }
    for (role, browser) in &browsers {
        let answer = browser.get(STREAM).await;
        let wanted = if role.is_some() { StatusCode::OK } else { StatusCode::SEE_OTHER };
        assert_eq!(answer.status(), wanted, "{role:?}");
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap());
        let is_stream = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        assert_eq!(is_stream, wanted == StatusCode::OK, "{role:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_have_only_their_permissions() {
    let scene = scene().await;
    for (method, pattern, permission) in ROUTES {
        let Some(needed) = permission else { continue };
        let path = scene.path(pattern);
        let others: Vec<&str> = Permission::ALL
            .iter()
            .map(|permission| permission.key())
            .filter(|key| key != needed)
            .collect();
        let without = scene.app.token(&others).await;
        let (status, problem) = scene.app.api(&without, method, &path, None).await;
        assert_eq!(status, 403, "{method} {path} without {needed}: {problem}");
        // Deleting would remove the hook that the other calls need; its permission is tested
        // elsewhere.
        if *method != "DELETE" {
            let with = scene.app.token(&[needed]).await;
            let (status, answer) = scene.app.api(&with, method, &path, None).await;
            assert!(
                !matches!(status, 401 | 403 | 404 | 500..),
                "{method} {path} with {needed}: {status} {answer}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_for_those_who_may_see_payloads() {
    let scene = scene().await;
    let page = format!("/integration/hooks/{}/deliveries/{}", scene.hook, scene.delivery);
    for role in [Role::Developer, Role::Auditor, Role::Administrator] {
        let text = scene.app.browser(role).await.get(&page).await.text().await.unwrap();
        let may = role.permissions().has(Permission::PayloadsRead);
        assert_eq!(text.contains("Job well done"), may, "{}", role.key());
    }
    let full = scene.app.full_token().await;
    let (_, story) = scene.app.api(&full, "GET", &format!("/events/{}", scene.event), None).await;
    assert_eq!(story["deliveries"][0]["attempts"][0]["response_body"], "answer");
    let token = scene.app.token(&["deliveries:read"]).await;
    let (_, story) = scene.app.api(&token, "GET", &format!("/events/{}", scene.event), None).await;
    assert_eq!(
        story["deliveries"][0]["attempts"][0]["response_body"], "",
        "a receiver may repeat what it got"
    );
    let (_, story) = scene.app.api(&token, "GET", &format!("/events/{}", scene.event), None).await;
    assert!(story["data"].is_null() && story["deliveries"][0]["state"] == "delivered", "{story}");
}

#[test]
fn every_permission_is_lacking_in_some_role() {
    // Otherwise the tests above would not test it.
    for permission in Permission::ALL {
        assert!(roles_without(*permission).next().is_some());
    }
}
