//! Users, sessions, drafts, set-up links, tokens, the audit log.

use std::time::Duration;

use service_hooks::{
    domain::{
        event::EventType,
        id::{DraftId, TokenId, UserId},
        permission::{Permission, Permissions, Role, right},
        preferences::{Hours, Preferences, Theme},
        time::Timestamp,
        user::User,
    },
    engine::{
        catalogue::sample,
        clock::Clock,
        dispatcher::{Config, Dispatcher, Emit},
        store::{
            Error, audit, expired,
            idempotency::{self, IdempotencyKey},
        },
    },
    portal::store::{
        SESSIONS,
        drafts::{self, Draft},
        sessions, setup,
        tokens::{self, Token},
        users,
    },
};

use super::{grant, write};
use crate::support::{
    db::{self, TestDb},
    on_both,
};

on_both!(
    user_emails_are_unique_and_found_case_insensitively,
    preferences_are_kept_with_their_user,
    sessions_live_until_they_expire_or_are_deleted,
    sessions_are_found_by_their_user,
    expired_rows_are_deleted_in_batches,
    drafts_belong_to_one_session_and_expire,
    drafts_are_few,
    a_set_up_link_works_once,
    tokens_are_found_by_their_secret_until_revoked,
    the_audit_log_keeps_its_order,
    the_sweep_deletes_only_expired_rows,
);

fn user(db: &TestDb, email: &str) -> User {
    User {
        id: UserId(db.clock().id()),
        email: email.into(),
        name: "Ann é".into(),
        roles: vec![Role::Auditor, Role::Developer],
        disabled: false,
        created_at: Timestamp(5),
        preferences: Preferences::default(),
    }
}

async fn user_emails_are_unique_and_found_case_insensitively(db: TestDb) {
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    assert!(!users::any(&mut conn).await.unwrap());
    let (ann, twin) = (user(&db, "Ann@Example.org"), user(&db, "ann@EXAMPLE.org"));
    let row = ann.clone();
    write!(store, |conn| users::insert(conn, &grant(right::UsersManage), &row, "$hash").await)
        .unwrap();
    let taken =
        write!(store, |conn| users::insert(conn, &grant(right::UsersManage), &twin, "$hash").await);
    assert!(matches!(taken, Err(Error::Exists)));
    let found = users::by_email(&mut conn, "ANN@example.ORG").await.unwrap().unwrap();
    assert_eq!((found.user, found.password_hash.as_str()), (ann.clone(), "$hash"));
    assert_eq!(users::by_id(&mut conn, ann.id).await.unwrap(), Some(ann.clone()));
    assert_eq!(users::all(&mut conn, &grant(right::UsersManage)).await.unwrap(), [ann]);
    assert!(users::any(&mut conn).await.unwrap());
    assert!(users::by_email(&mut conn, "bob@example.org").await.unwrap().is_none());
}

async fn preferences_are_kept_with_their_user(db: TestDb) {
    let store = db.store().await;
    let (ann, bob) = (user(&db, "ann@example.org"), user(&db, "bob@example.org"));
    let (one, other) = (ann.clone(), bob.clone());
    write!(store, |conn| {
        users::insert(conn, &grant(right::UsersManage), &one, "$hash").await?;
        users::insert(conn, &grant(right::UsersManage), &other, "$hash").await
    })
    .unwrap();
    let wanted = Preferences {
        theme: Theme::Dark,
        time_zone: "America/Argentina/Buenos_Aires".into(),
        hours: Hours::Twelve,
    };
    let written = wanted.clone();
    write!(store, |conn| users::set_preferences(conn, ann.id, &written).await).unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(users::by_id(&mut conn, ann.id).await.unwrap().unwrap().preferences, wanted);
    assert_eq!(
        users::by_email(&mut conn, &ann.email).await.unwrap().unwrap().user.preferences,
        wanted
    );
    assert_eq!(
        users::by_id(&mut conn, bob.id).await.unwrap().unwrap().preferences,
        Preferences::default()
    );
}

async fn sessions_live_until_they_expire_or_are_deleted(db: TestDb) {
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    write!(store, |conn| sessions::insert(conn, b"one", "{\"a\":1}", Timestamp(100)).await)
        .unwrap();
    let twice = write!(store, |conn| sessions::insert(conn, b"one", "{}", Timestamp(100)).await);
    assert!(matches!(twice, Err(Error::Exists)));
    write!(store, |conn| sessions::update(conn, b"one", "{\"a\":2}", Timestamp(200)).await)
        .unwrap();
    let found = sessions::find(&mut conn, b"one", Timestamp(199)).await.unwrap();
    assert_eq!(found, Some(("{\"a\":2}".into(), Timestamp(200))));
    assert_eq!(sessions::find(&mut conn, b"one", Timestamp(200)).await.unwrap(), None, "expired");
    write!(store, |conn| sessions::delete(conn, b"one").await).unwrap();
    write!(store, |conn| sessions::update(conn, b"one", "{}", Timestamp(900)).await).unwrap();
    assert_eq!(
        sessions::find(&mut conn, b"one", Timestamp(1)).await.unwrap(),
        None,
        "a late save does not restore the session"
    );
}

async fn sessions_are_found_by_their_user(db: TestDb) {
    let store = db.store().await;
    let (ann, bob) = (UserId(db.clock().id()), UserId(db.clock().id()));
    let of = |user: UserId| format!("{{\"signed_in\":1,\"user\":\"{user}\"}}");
    // A text of a session cannot make it another user's.
    let lie = format!("{{\"flash\":\"\\\"user\\\":\\\"{ann}\\\"\",\"user\":\"{bob}\"}}");
    let (one, two) = (of(ann), of(ann));
    write!(store, |conn| {
        sessions::insert(conn, b"one", &one, Timestamp(100)).await?;
        sessions::insert(conn, b"two", &two, Timestamp(200)).await?;
        sessions::insert(conn, b"bob", &lie, Timestamp(100)).await?;
        sessions::insert(conn, b"nobody", "{}", Timestamp(100)).await
    })
    .unwrap();
    let mut conn = store.read().await.unwrap();
    let found = async |conn: &mut _, user: UserId, now: i64| {
        let rows = sessions::of_user(conn, user, Timestamp(now)).await.unwrap();
        rows.into_iter().map(|row| row.id_hash).collect::<Vec<_>>()
    };
    assert_eq!(found(&mut conn, ann, 1).await, [b"two", b"one"]);
    assert_eq!(found(&mut conn, ann, 100).await, [b"two"], "the other has expired");
    assert_eq!(found(&mut conn, bob, 1).await, [b"bob"]);
    let foreign = write!(store, |conn| sessions::end(conn, bob, b"one").await);
    assert!(matches!(foreign, Err(Error::Missing)));
    assert_eq!(write!(store, |conn| sessions::end_others(conn, ann, b"two").await).unwrap(), 1);
    assert_eq!(found(&mut conn, ann, 1).await, [b"two"]);
    write!(store, |conn| sessions::end(conn, ann, b"two").await).unwrap();
    assert_eq!(found(&mut conn, bob, 1).await, [b"bob"]);
}

async fn drafts_belong_to_one_session_and_expire(db: TestDb) {
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    let id = DraftId(db.clock().id());
    let draft = Draft {
        id,
        user: UserId(Clock::System.id()),
        session_hash: b"mine".into(),
        sealed: b"\0sealed\xff".into(),
        expires_at: Timestamp(10),
    };
    write!(store, |conn| drafts::insert(conn, &draft, Timestamp(0)).await).unwrap();
    assert_eq!(
        drafts::find(&mut conn, id, b"mine", Timestamp(9)).await.unwrap().unwrap(),
        b"\0sealed\xff"
    );
    assert_eq!(drafts::find(&mut conn, id, b"other", Timestamp(9)).await.unwrap(), None);
    assert_eq!(drafts::find(&mut conn, id, b"mine", Timestamp(10)).await.unwrap(), None);
}

async fn a_set_up_link_works_once(db: TestDb) {
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    write!(store, |conn| setup::replace(conn, b"old", Timestamp(10)).await).unwrap();
    write!(store, |conn| setup::replace(conn, b"new", Timestamp(10)).await).unwrap();
    assert!(
        !setup::is_valid(&mut conn, b"old", Timestamp(1)).await.unwrap(),
        "a newer link replaces an older one"
    );
    assert!(setup::is_valid(&mut conn, b"new", Timestamp(9)).await.unwrap());
    assert!(!setup::is_valid(&mut conn, b"new", Timestamp(10)).await.unwrap());
    write!(store, |conn| setup::consume(conn, b"new", Timestamp(1)).await).unwrap();
    let again = write!(store, |conn| setup::consume(conn, b"new", Timestamp(1)).await);
    assert!(matches!(again, Err(Error::Missing)));
}

async fn tokens_are_found_by_their_secret_until_revoked(db: TestDb) {
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    let permissions: Permissions =
        [Permission::EventsEmit, Permission::HooksRead].into_iter().collect();
    let id = TokenId(db.clock().id());
    let token = Token {
        id,
        name: "backend".into(),
        prefix: "shk_abcd".into(),
        permissions,
        owner: None,
        created_at: Timestamp(1),
        expires_at: Some(Timestamp(5)),
        last_used_at: None,
        revoked_at: None,
    };
    let row = token.clone();
    write!(store, |conn| tokens::insert(conn, &grant(right::TokensManage), &row, b"hash").await)
        .unwrap();
    assert_eq!(
        tokens::by_secret(&mut conn, b"hash", Timestamp(4)).await.unwrap(),
        Some(token.clone())
    );
    assert_eq!(tokens::by_secret(&mut conn, b"hasH", Timestamp(4)).await.unwrap(), None);
    assert_eq!(
        tokens::by_secret(&mut conn, b"hash", Timestamp(5)).await.unwrap(),
        None,
        "it has expired"
    );
    assert_eq!(tokens::all(&mut conn, &grant(right::TokensManage)).await.unwrap(), [token]);
    write!(store, |conn| tokens::revoke(conn, &grant(right::TokensManage), id, Timestamp(2)).await)
        .unwrap();
    assert_eq!(tokens::by_secret(&mut conn, b"hash", Timestamp(4)).await.unwrap(), None);
    let again =
        write!(store, |conn| tokens::revoke(conn, &grant(right::TokensManage), id, Timestamp(3))
            .await);
    assert!(matches!(again, Err(Error::Missing)));
}

async fn the_audit_log_keeps_its_order(db: TestDb) {
    let store = db.store().await;
    let clock = db.clock();
    for detail in ["first", "second", "third"] {
        let clock = clock.clone();
        write!(store, |conn| audit::note(
            conn,
            &clock,
            &grant(right::HooksWrite),
            "hook.changed",
            "x",
            detail
        )
        .await)
        .unwrap();
    }
    let entries =
        audit::for_target(&mut store.read().await.unwrap(), &grant(right::AuditRead), "x", 2)
            .await
            .unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.detail.as_str()).collect::<Vec<_>>(),
        ["third", "second"]
    );
    assert_eq!(entries[0].actor, "portal");
}

async fn expired_rows_are_deleted_in_batches(db: TestDb) {
    const FORGOTTEN: Duration = Duration::from_secs(48 * 3600);
    let clock = Clock::test(Timestamp(1_700_000_000_000));
    let engine = Dispatcher::start(Config { clock: clock.clone(), ..db::config(db.settings()) })
        .await
        .unwrap();
    let store = engine.store();
    let key = |number: i64| IdempotencyKey {
        key_hash: number.to_string().into_bytes(),
        body_hash: b"body".to_vec(),
    };
    let emit = async |number: i64| {
        let event = Emit {
            event_type: EventType::WorkItemClosed,
            body: sample(EventType::WorkItemClosed).into(),
        };
        engine.emit_all(vec![event], "test", Some(key(number))).await.unwrap();
    };
    futures::future::join_all((0..250).map(&emit)).await;
    let first = clock.now().after(FORGOTTEN);
    clock.advance(Duration::from_millis(2));
    emit(250).await;
    let mut steps = Vec::new();
    while steps.last().is_none_or(|rows| *rows > 0) {
        let swept = write!(store, |conn| expired::sweep(
            conn,
            expired::IDEMPOTENCY,
            Timestamp(first.0 + 1)
        )
        .await);
        steps.push(swept.unwrap());
    }
    assert_eq!(steps, [100, 100, 50, 0]);
    let mut conn = store.read().await.unwrap();
    let alive = idempotency::look_up(&mut conn, &[&key(249), &key(250)], Timestamp(first.0 - 1))
        .await
        .unwrap();
    assert_eq!(alive.into_keys().collect::<Vec<_>>(), [b"250".to_vec()]);
    drop(conn);
    engine.shutdown().await;
}

async fn the_sweep_deletes_only_expired_rows(db: TestDb) {
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    write!(store, |conn| {
        sessions::insert(conn, b"dead", "{}", Timestamp(10)).await?;
        sessions::insert(conn, b"live", "{}", Timestamp(11)).await?;
        expired::sweep(conn, SESSIONS, Timestamp(10)).await
    })
    .unwrap();
    assert!(sessions::find(&mut conn, b"dead", Timestamp(0)).await.unwrap().is_none());
    assert!(sessions::find(&mut conn, b"live", Timestamp(0)).await.unwrap().is_some());
}

async fn drafts_are_few(db: TestDb) {
    let store = db.store().await;
    let clock = Clock::System;
    let people: Vec<UserId> = (0..150).map(|_| UserId(clock.id())).collect();
    let keep = async |person: usize, session: u8, now: Timestamp| {
        let id = DraftId(clock.id());
        let expires_at = now.after(Duration::from_secs(600));
        let (user, session_hash, sealed) = (people[person], vec![session], b"x".to_vec());
        let draft = Draft { id, user, session_hash, sealed, expires_at };
        let kept: Result<bool, Error> = store
            .write(move |conn| Box::pin(async move { drafts::insert(conn, &draft, now).await }))
            .await;
        (id, kept.unwrap())
    };
    let find = async |id: DraftId, session: u8| {
        drafts::find(&mut store.read().await.unwrap(), id, &[session], clock.now())
            .await
            .unwrap()
            .is_some()
    };
    let now = clock.now();
    let mut of_one = Vec::new();
    for session in 0..30 {
        of_one.push((keep(0, session, now).await.0, session));
    }
    let mut kept = Vec::new();
    for (id, session) in of_one {
        kept.push(find(id, session).await);
    }
    assert_eq!(
        kept,
        [[false; 10].as_slice(), &[true; 20]].concat(),
        "the oldest drafts of a user are deleted, from any session"
    );
    let mut others = 0;
    while keep(1 + others / 20, 0, now).await.1 {
        others += 1;
        assert!(others < 3000, "the limit is not reached");
    }
    assert_eq!(others, 2000 - 20);
    assert!(keep(0, 1, now).await.1, "a new draft of a user with 20 replaces the oldest");
    assert!(
        keep(140, 1, now.after(Duration::from_secs(601))).await.1,
        "expired drafts do not count"
    );
}
