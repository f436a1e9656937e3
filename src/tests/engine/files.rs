//! SQLite's files while a server runs: the WAL stays short although reads overlap, space freed by
//! retention is returned to the disk, and no read blocks either indefinitely.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use service_hooks::{
    domain::time::Timestamp,
    engine::{
        Dispatcher,
        config::Retention,
        store::{Error, Store, db::WAL_SIZE_LIMIT},
    },
    portal::store::sessions,
};

use crate::support::{
    binary::{run, succeed},
    db::{self, TestDb},
    eventually,
    receiver::Receiver,
    within,
};

use super::scene::{EVENT, Scene, body};

/// Reads the database for some tenths of a second.
const SLOW: &str =
    "WITH RECURSIVE c (x) AS (SELECT (SELECT COUNT(*) FROM hooks) UNION ALL SELECT x + 1 FROM c \
     WHERE x < 300000)
                    SELECT COUNT(*) FROM c, (SELECT value FROM counters LIMIT 1)";
const ENDLESS: &str =
    "WITH RECURSIVE c (x) AS (SELECT (SELECT COUNT(*) FROM hooks) UNION ALL SELECT x + 1 FROM c)
                       SELECT COUNT(*) FROM c";

fn wal(db: &TestDb) -> PathBuf {
    db.folder.path().join("test.db-wal")
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

async fn write_megabyte(store: &Store, number: u32) {
    let (id, data) = (number.to_le_bytes(), "x".repeat(1024 * 1024));
    let written: Result<(), Error> = store
        .write(move |conn| {
            Box::pin(async move { sessions::insert(conn, &id, &data, Timestamp(i64::MAX)).await })
        })
        .await;
    written.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wal_is_reset_although_reads_overlap() {
    let scene = Scene::start(TestDb::sqlite(), |_| {}).await;
    let store = scene.app.running.portal.store().clone();
    let is_over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (store, is_over) = (store.clone(), is_over.clone());
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    store.read().await.unwrap().control(SLOW).await.unwrap();
                }
            })
        })
        .collect();
    let (wal, mut longest) = (wal(&scene.app.db), 0);
    for number in 0..u32::try_from(WAL_SIZE_LIMIT / 1024 / 1024).unwrap() * 2 {
        write_megabyte(&store, number).await;
        longest = longest.max(length(&wal));
    }
    // Reads continue.
    within(60, "the log is short again", async || (length(&wal) <= WAL_SIZE_LIMIT).then_some(()))
        .await;
    assert!(longest <= 8 * WAL_SIZE_LIMIT, "{longest}");
    write_megabyte(&store, u32::MAX).await;
    is_over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    scene.app.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_read_is_aborted_and_the_next_one_succeeds() {
    let scene = Scene::start(TestDb::sqlite(), |_| {}).await;
    let store = scene.app.running.portal.store();
    let ended = tokio::time::timeout(Duration::from_secs(60), async {
        store.read().await.unwrap().control(ENDLESS).await
    });
    let ended = ended.await.expect("it is ended by the server").unwrap_err();
    assert!(
        matches!(&ended, Error::Driver(cause) if cause.to_string().contains("interrupted")),
        "{ended:?}"
    );
    // On the same connections.
    for _ in 0..8 {
        store.read().await.unwrap().control(SLOW).await.unwrap();
    }
    scene.app.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_shrinks_after_retention() {
    let keep = |for_how_long| Retention {
        payloads: for_how_long,
        deliveries: for_how_long,
        every: Duration::from_millis(100),
        ..Retention::default()
    };
    let scene = Scene::start(TestDb::sqlite(), move |settings| {
        settings.retention = keep(Duration::from_secs(3600))
    })
    .await;
    let receiver = Receiver::start().await;
    scene.hook(&receiver, json!({"enabled": false})).await;
    for number in 0..200 {
        let mut body = body(&number.to_string(), "key");
        body["notes"] = "x".repeat(200_000).into();
        let (status, accepted) =
            scene.ask("POST", "/events", json!({"type": EVENT.key(), "data": body})).await;
        assert_eq!(status, 202, "{accepted}");
    }
    let file = scene.app.db.folder.path().join("test.db");
    let about = scene.app.running.portal.store().about().await.unwrap();
    assert!(about.bytes > 40_000_000 && about.files.unwrap().shrinks, "{about:?}");
    let scene = Scene {
        settings: {
            let mut s = scene.settings.clone();
            s.retention = keep(Duration::from_millis(1));
            s
        },
        ..scene
    };
    let scene = scene.restart().await;
    // Some free pages are kept for new rows.
    within(60, "the file is small", async || (length(&file) < 25_000_000).then_some(())).await;
    scene.app.assert_balanced().await;
    let browser = scene.app.browser(service_hooks::domain::permission::Role::Developer).await;
    let page = browser.get("/status").await.text().await.unwrap().replace("<!>", "");
    assert!(page.contains(" Unused: ") && page.contains(". Write-ahead log: "), "{page}");
    scene.app.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_enables_vacuum_for_a_file_of_an_older_version() {
    let db = TestDb::sqlite();
    let store = db.store().await;
    store.clone().close().await;
    let file = db.folder.path().join("test.db");
    let old = rusqlite::Connection::open(&file).unwrap();
    old.execute_batch("PRAGMA auto_vacuum = NONE; VACUUM;").unwrap();
    drop(old);
    let settings = db.settings();
    let said = String::from_utf8(run(&settings, &["doctor"], "").stdout).unwrap();
    assert!(said.contains("doctor --compact"), "{said}");
    succeed(
        &settings,
        &["user", "create", "--email", "a@b.c", "--role", "agent", "--password-stdin"],
        "correct horse battery\n",
    );
    let said = succeed(&settings, &["doctor", "--compact"], "");
    assert!(!said.contains("--compact") && said.contains(" are free"), "{said}");
    let scene = Scene::start(db, |_| {}).await;
    let output = run(&scene.settings, &["doctor", "--compact"], "");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && said.contains("another server is running"),
        "{said}"
    );
    scene.app.running.shutdown().await;
}

/// A reserve of an earlier start is deleted when the setting turns it off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unwanted_reserve_is_deleted() {
    let db = TestDb::sqlite();
    let reserve = db.folder.path().join("test.db.reserve");
    let engine = Dispatcher::start(db::config(db.settings())).await.unwrap();
    eventually("there is a reserve", async || reserve.exists().then_some(())).await;
    engine.shutdown().await;
    let mut settings = db.settings();
    settings.limits.reserve_bytes = 0;
    let engine = Dispatcher::start(db::config(settings)).await.unwrap();
    assert!(!reserve.exists());
    engine.shutdown().await;
}
