//! Without the master key, or with another one: nothing starts that could not be sent, nothing is
//! sealed that other nodes cannot open, and no accepted event is lost.

use std::{fs, path::PathBuf, sync::Arc};

use service_hooks::{
    domain::{event::EventType, permission::right},
    engine::{
        Dispatcher,
        config::Settings,
        store::{Error, Store, hooks as store_hooks, secrets::Vault},
    },
};

use crate::{
    store::{grant, hook, insert_hook, secrets, write},
    support::{
        app::TestApp,
        db::{self, TestDb},
        on_both,
        receiver::Receiver,
    },
};

on_both!(
    a_wrong_key_is_rejected_and_no_key_is_created,
    a_key_is_required_before_any_hook_exists,
    a_database_of_an_earlier_version_detects_its_key_from_its_hooks,
    a_running_server_detects_a_changed_key,
    a_hook_with_undecryptable_secrets_loses_nothing_and_delays_no_other,
);

const OTHER: &str = "another key that is also long enough for this";

fn key_of(settings: &Settings) -> PathBuf {
    settings.master_key_file.clone().unwrap_or_else(|| settings.data_dir.join("master.key"))
}

/// The reason why neither a command nor a server starts.
async fn refusal(settings: &Settings) -> String {
    let by_store = Store::open(settings).await.map(drop).unwrap_err().to_string();
    let by_server =
        Dispatcher::start(db::config(settings.clone())).await.map(drop).unwrap_err().to_string();
    assert_eq!(by_store, by_server);
    by_store
}

async fn a_wrong_key_is_rejected_and_no_key_is_created(db: TestDb) {
    let settings = db.settings();
    let store = db.store().await;
    let made = insert_hook(&store, EventType::WorkItemClosed, true).await;
    store.close().await;
    let (path, key) = (key_of(&settings), fs::read(key_of(&settings)).unwrap());

    fs::write(&path, OTHER).unwrap();
    let said = refusal(&settings).await;
    assert!(
        said.contains("not the master key of this database") && said.contains("MASTER_KEY_FILE"),
        "{said}"
    );
    fs::remove_file(&path).unwrap();
    let said = refusal(&settings).await;
    assert!(said.contains("the master key is missing") && said.contains("backup"), "{said}");
    assert!(!path.exists(), "a key was created although hooks are sealed with another one");

    fs::write(&path, key).unwrap();
    let store = db.store().await;
    let mut conn = store.read().await.unwrap();
    let found = store_hooks::reveal(&mut conn, &grant(right::SecretsReveal), &store.vault, made.id)
        .await
        .unwrap();
    assert!(found.api_key == secrets().api_key);
}

/// The first node that opens a database sets the key for all nodes, before any hook exists.
async fn a_key_is_required_before_any_hook_exists(db: TestDb) {
    let settings = db.settings();
    db.store().await.close().await;
    let second =
        Settings { master_key_file: Some(db.folder.path().join("second.key")), ..settings.clone() };
    fs::write(db.folder.path().join("second.key"), OTHER).unwrap();
    let said = refusal(&second).await;
    assert!(said.contains("second.key") && said.contains("every node needs the same"), "{said}");
    fs::remove_file(key_of(&settings)).unwrap();
    assert!(refusal(&settings).await.contains("the master key is missing"));
}

async fn a_database_of_an_earlier_version_detects_its_key_from_its_hooks(db: TestDb) {
    let settings = db.settings();
    let store = db.store().await;
    insert_hook(&store, EventType::WorkItemClosed, true).await;
    let forget: Result<(), Error> =
        write!(store, |conn| conn.control("DELETE FROM known_value").await);
    forget.unwrap();
    store.close().await;
    let (path, key) = (key_of(&settings), fs::read(key_of(&settings)).unwrap());
    fs::write(&path, OTHER).unwrap();
    assert!(refusal(&settings).await.contains("not the master key of this database"));
    fs::remove_file(&path).unwrap();
    assert!(refusal(&settings).await.contains("the master key is missing"));
    fs::write(&path, key).unwrap();
    let store = db.store().await;
    assert!(store.key_fits().await.unwrap());
}

async fn a_running_server_detects_a_changed_key(db: TestDb) {
    let store = db.store().await;
    assert!(store.key_fits().await.unwrap());
    // The database was set up again with another key.
    let forget: Result<(), Error> =
        write!(store, |conn| conn.control("DELETE FROM known_value").await);
    forget.unwrap();
    let other = db.folder.path().join("other.key");
    fs::write(&other, OTHER).unwrap();
    let another =
        Store::open(&Settings { master_key_file: Some(other), ..db.settings() }).await.unwrap();
    assert!(another.key_fits().await.unwrap());
    assert!(!store.key_fits().await.unwrap());
}

async fn a_hook_with_undecryptable_secrets_loses_nothing_and_delays_no_other(db: TestDb) {
    let db = Arc::new(db);
    let app = TestApp::start_with(db.clone(), db::config(db.settings())).await;
    let (token, receiver) = (app.full_token().await, Receiver::start().await);
    app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let foreign = hook(EventType::OutboundCallInitiated, true);
    let (row, vault) = (foreign, Vault::from_key_file(OTHER.as_bytes()).unwrap());
    let store = app.running.portal.store().clone();
    let written: Result<(), Error> = write!(store, |conn| store_hooks::insert(
        conn,
        &grant(right::HooksWrite),
        &vault,
        &row,
        &secrets()
    )
    .await);
    written.unwrap();
    let waiting = app.emit_sample(&token, EventType::OutboundCallInitiated).await;
    let delivered = app.emit_sample(&token, EventType::WorkItemClosed).await;
    app.delivery_in(&token, &delivered, "delivered").await;
    app.delivery_in(&token, &waiting, "pending").await;
    // None of its deliveries can be attempted, and the status reports it.
    let overdue = app.running.portal.dispatcher.due().await.unwrap();
    assert_eq!(overdue.len(), 1, "{overdue:?}");
    let balance = app.balance().await;
    assert!(balance.holds(), "{balance:?}");
    app.running.shutdown().await;
}
