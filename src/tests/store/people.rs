//! Suspending and removing users: their sessions end, their tokens are refused, and an
//! administrator remains.

use std::sync::Arc;

use reqwest::StatusCode;
use service_hooks::{
    domain::permission::Role,
    portal::{
        ctx::OpCtx,
        ops::{
            Error,
            people::{self, Act},
            users::{self, NewUser},
        },
    },
};

use crate::support::{
    app::{PASSWORD, TestApp},
    db::{self, TestDb},
    on_both,
};

on_both!(
    the_last_active_administrator_stays,
    one_of_two_administrators_remains_in_a_race,
    a_suspended_user_is_out_at_once,
);

const ADMIN: &str = "administrator@example.org";

async fn add(ctx: &OpCtx, email: &str, role: Role) {
    let (email, role, password) = (email.into(), role.key().into(), PASSWORD.into());
    users::create(ctx, NewUser { email, role, password, ..NewUser::default() }).await.unwrap();
}

fn is_refused<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Invalid(invalid)) if invalid.0[0].code == "last-administrator")
}

async fn active_administrators(ctx: &OpCtx) -> usize {
    let all = people::list(ctx).await.unwrap();
    all.iter().filter(|user| user.roles == [Role::Administrator] && !user.disabled).count()
}

async fn the_last_active_administrator_stays(db: TestDb) {
    let app = TestApp::start(db).await;
    let ctx = app.ctx();
    add(&ctx, "one@example.org", Role::Administrator).await;
    add(&ctx, "dev@example.org", Role::Developer).await;
    for act in [Act::Suspend, Act::Remove] {
        assert!(is_refused(&people::change(&ctx, "one@example.org", act).await), "{act:?}");
        assert_eq!(active_administrators(&ctx).await, 1);
    }
    people::change(&ctx, "DEV@example.org", Act::Remove).await.unwrap();
    let gone = people::change(&ctx, "dev@example.org", Act::Remove).await;
    assert!(matches!(gone, Err(Error::NotFound("user"))));
    // A suspended administrator does not count.
    add(&ctx, "two@example.org", Role::Administrator).await;
    people::change(&ctx, "two@example.org", Act::Suspend).await.unwrap();
    assert!(is_refused(&people::change(&ctx, "one@example.org", Act::Remove).await));
    people::change(&ctx, "two@example.org", Act::Reactivate).await.unwrap();
    people::change(&ctx, "one@example.org", Act::Remove).await.unwrap();
    assert!(is_refused(&people::change(&ctx, "two@example.org", Act::Suspend).await));
}

async fn one_of_two_administrators_remains_in_a_race(db: TestDb) {
    let nodes = if db.settings().database_url().starts_with("sqlite:") { 1 } else { 2 };
    let db = Arc::new(db);
    let mut apps = Vec::new();
    for _ in 0..nodes {
        apps.push(TestApp::start_with(db.clone(), db::config(db.settings())).await);
    }
    let (near, far) = (apps[0].ctx(), apps[nodes - 1].ctx());
    for round in 0..8 {
        let acts = if round % 2 == 0 { [Act::Suspend; 2] } else { [Act::Remove, Act::Suspend] };
        let emails = ["a", "b"].map(|name| format!("{name}{round}@example.org"));
        for email in &emails {
            add(&near, email, Role::Administrator).await;
        }
        // The ones of the round before.
        for user in people::list(&near).await.unwrap() {
            if !emails.contains(&user.email) {
                people::change(&near, &user.email, Act::Remove).await.unwrap();
            }
        }
        let (one, other) = tokio::join!(
            people::change(&near, &emails[0], acts[0]),
            people::change(&far, &emails[1], acts[1]),
        );
        let refused = [is_refused(&one), is_refused(&other)];
        assert_eq!(refused.iter().filter(|refused| **refused).count(), 1, "{one:?} {other:?}");
        assert_eq!(active_administrators(&near).await, 1);
    }
}

async fn a_suspended_user_is_out_at_once(db: TestDb) {
    let app = TestApp::start(db).await;
    let _admin = app.browser(Role::Administrator).await;
    let browser = app.browser(Role::Developer).await;
    let mut stream = browser.get("/live").await;
    assert_eq!(stream.status(), StatusCode::OK);
    let user = people::change(&app.ctx(), "developer@example.org", Act::Suspend).await.unwrap();
    assert_eq!(browser.get("/account").await.status(), StatusCode::SEE_OTHER);
    while stream.chunk().await.unwrap().is_some() {}
    people::change(&app.ctx(), "developer@example.org", Act::Reactivate).await.unwrap();
    assert_eq!(browser.get("/account").await.status(), StatusCode::SEE_OTHER, "it has ended");
    let removed = people::change(&app.ctx(), "developer@example.org", Act::Remove).await.unwrap();
    assert_eq!(removed.id, user.id);
    let acts: Vec<String> =
        app.audit(&user.id.to_string()).await.into_iter().map(|(_, action)| action).collect();
    let expected = ["user.disabled", "user.enabled", "user.deleted"];
    assert_eq!(acts[acts.len() - 3..], expected.map(str::to_owned));
    assert!(is_refused(&people::change(&app.ctx(), ADMIN, Act::Remove).await));
}
