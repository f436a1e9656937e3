//! Hooks: their rows, versions and sealed secrets.

use service_hooks::{
    domain::{
        event::EventType,
        hook::{ApiKey, Tuning},
        id::HookId,
        permission::right,
        time::Timestamp,
    },
    engine::store::{
        Error,
        hooks::{self, Change},
    },
};

use super::{grant, insert_hook, secrets, write};
use crate::support::{db::TestDb, on_both};

on_both!(
    a_hook_round_trips,
    a_stale_change_is_rejected_with_the_current_version,
    secrets_are_sealed_at_rest_and_follow_a_change,
    deleting_hides_a_hook_and_wipes_its_secrets,
    pages_of_hooks_are_complete_and_sorted,
    a_new_hook_starts_at_version_1,
);

const NO_TUNING: Tuning = Tuning {
    retry_schedule: None,
    timeout: None,
    in_flight: None,
    rate_per_second: None,
    order_by: None,
};

fn change(name: &str) -> Change<'_> {
    Change {
        name,
        event_type: EventType::OutboundCallInitiated,
        callback_url: "https://example.org/",
        enabled: false,
        tuning: &NO_TUNING,
        api_key: None,
        off_reason: None,
        resets_health: true,
    }
}

async fn a_hook_round_trips(db: TestDb) {
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    let made = insert_hook(&store, EventType::WorkItemClosed, true).await;
    assert_eq!(
        hooks::find(&mut conn, &grant(right::HooksRead), made.id).await.unwrap(),
        Some(made.clone())
    );
    assert_eq!(hooks::all(&mut conn, &grant(right::HooksRead)).await.unwrap(), [made]);
    let unknown = HookId(db.clock().id());
    assert_eq!(hooks::find(&mut conn, &grant(right::HooksRead), unknown).await.unwrap(), None);
}

async fn a_stale_change_is_rejected_with_the_current_version(db: TestDb) {
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    let id = insert_hook(&store, EventType::WorkItemClosed, true).await.id;
    let vault = store.vault.clone();
    write!(store, |conn| hooks::update(
        conn,
        &grant(right::HooksWrite),
        &vault,
        id,
        1,
        &change("one"),
        Timestamp(7)
    )
    .await)
    .unwrap();
    let vault = store.vault.clone();
    let stale = write!(store, |conn| hooks::update(
        conn,
        &grant(right::HooksWrite),
        &vault,
        id,
        1,
        &change("two"),
        Timestamp(8)
    )
    .await);
    assert!(matches!(stale, Err(Error::Stale { now: 2 })), "{stale:?}");
    let now = hooks::find(&mut conn, &grant(right::HooksRead), id).await.unwrap().unwrap();
    assert_eq!((now.name.as_str(), now.version, now.updated_at), ("one", 2, Timestamp(7)));
    assert_eq!((now.event_type, now.enabled), (EventType::OutboundCallInitiated, false));
    let (vault, unknown) = (store.vault.clone(), HookId(db.clock().id()));
    let gone = write!(store, |conn| hooks::update(
        conn,
        &grant(right::HooksWrite),
        &vault,
        unknown,
        1,
        &change("x"),
        Timestamp(8)
    )
    .await);
    assert!(matches!(gone, Err(Error::Missing)));
}

async fn secrets_are_sealed_at_rest_and_follow_a_change(db: TestDb) {
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    let id = insert_hook(&store, EventType::WorkItemClosed, true).await.id;
    let seen =
        hooks::reveal(&mut conn, &grant(right::SecretsReveal), &store.vault, id).await.unwrap();
    assert!(seen.api_key == secrets().api_key);
    assert_eq!(seen.signing_secret, secrets().signing_secret);
    let vault = store.vault.clone();
    write!(store, |conn| {
        let key = ApiKey::parse("a-new-key-of-some-length").unwrap();
        let change = Change { api_key: Some(&key), ..change("x") };
        hooks::update(conn, &grant(right::HooksWrite), &vault, id, 1, &change, Timestamp(2)).await
    })
    .unwrap();
    let seen =
        hooks::reveal(&mut conn, &grant(right::SecretsReveal), &store.vault, id).await.unwrap();
    assert_eq!(seen.api_key.expose(), "a-new-key-of-some-length");
    let row = hooks::find(&mut conn, &grant(right::HooksRead), id).await.unwrap().unwrap();
    assert_eq!(row.api_key_hint, "••••ngth");
    drop(conn);
    store.close().await;
    for entry in std::fs::read_dir(db.folder.path()).unwrap() {
        // Closing the last connection deletes SQLite's WAL files, possibly while this reads them.
        let Ok(bytes) = std::fs::read(entry.unwrap().path()) else { continue };
        assert!(!bytes.windows(6).any(|window| window == b"CANARY"), "plaintext secret on disk");
    }
}

async fn deleting_hides_a_hook_and_wipes_its_secrets(db: TestDb) {
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    let id = insert_hook(&store, EventType::WorkItemClosed, true).await.id;
    write!(store, |conn| hooks::delete(conn, &grant(right::HooksWrite), id, Timestamp(3)).await)
        .unwrap();
    assert_eq!(hooks::find(&mut conn, &grant(right::HooksRead), id).await.unwrap(), None);
    assert!(hooks::all(&mut conn, &grant(right::HooksRead)).await.unwrap().is_empty());
    assert!(matches!(
        hooks::reveal(&mut conn, &grant(right::SecretsReveal), &store.vault, id).await,
        Err(Error::Missing)
    ));
    let again =
        write!(store, |conn| hooks::delete(conn, &grant(right::HooksWrite), id, Timestamp(4))
            .await);
    assert!(matches!(again, Err(Error::Missing)));
}

async fn pages_of_hooks_are_complete_and_sorted(db: TestDb) {
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(insert_hook(&store, EventType::WorkItemClosed, true).await.id);
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = hooks::page(&mut conn, &grant(right::HooksRead), cursor, 2).await.unwrap();
        let more = page.len() > 2;
        seen.extend(page.iter().take(2).map(|hook| hook.id));
        cursor = seen.last().copied();
        if !more {
            break;
        }
    }
    assert_eq!(seen, made);
}

async fn a_new_hook_starts_at_version_1(db: TestDb) {
    let store = db.store().await;
    let id = insert_hook(&store, EventType::WorkItemClosed, true).await.id;
    let mut conn = store.read().await.unwrap();
    let read = hooks::find(&mut conn, &grant(right::HooksRead), id).await.unwrap().unwrap();
    assert_eq!(read.version, 1);
}
