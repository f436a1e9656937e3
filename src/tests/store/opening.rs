//! Opening a database: by many processes at once, with the schema of a newer version, with an
//! insecure umask.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use service_hooks::engine::{Dispatcher, config::Settings, store::Store};

use super::write;
use crate::support::{
    binary,
    db::{self, TestDb},
    eventually, on_both,
};

on_both!(concurrent_starts_all_succeed, a_newer_schema_is_rejected_unless_it_is_additive);

async fn rounds(db: &TestDb, rounds: usize) -> Vec<Settings> {
    let mut settings = Vec::new();
    for number in 0..rounds {
        let mut of_round = db.settings();
        if of_round.database_url.starts_with("sqlite:") {
            of_round.database_url =
                format!("sqlite:{}", db.folder.path().join(format!("{number}/new.db")).display());
        } else {
            of_round.database_url = TestDb::postgres().await.settings().database_url;
        }
        settings.push(of_round);
    }
    settings
}

/// Eight rounds of eight processes, each round on a new database.
async fn concurrent_starts_all_succeed(db: TestDb) {
    for settings in rounds(&db, 8).await {
        let spawn = |_| binary::command(&settings, &["migrate"]).spawn().unwrap();
        let processes: Vec<Child> = (0..8).map(spawn).collect();
        for process in processes {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        // Also within one process, where only the lock separates them.
        let stores = futures::future::join_all((0..8).map(|_| Store::open(&settings))).await;
        for store in stores {
            store.unwrap().close().await;
        }
    }
}

async fn a_newer_schema_is_rejected_unless_it_is_additive(db: TestDb) {
    let store = db.store().await;
    write!(store, |conn| {
        conn.control(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9998, 'tags additive', TRUE, 'x', 0)",
        )
        .await
    })
    .unwrap();
    store.close().await;
    let store = db.store().await;
    write!(store, |conn| {
        conn.control(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'other states', TRUE, 'x', 0)",
        )
        .await
    })
    .unwrap();
    store.close().await;
    let refused = Store::open(&db.settings()).await.map(drop).unwrap_err().to_string();
    assert_eq!(refused, "This database was made by a newer version. Upgrade service-hooks.");
}

/// `serve` with umask 0.
fn serve_carelessly(settings: &Settings, log: &Path) -> binary::Server {
    let plain = binary::command(settings, &[]);
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" serve", binary::PATH]).env_clear().current_dir("/");
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdout(Stdio::null()).stderr(fs::File::create(log).unwrap());
    binary::Server(command.spawn().unwrap())
}

async fn wait_until_ready(settings: &Settings) {
    let client = service_hooks::engine::delivery::client::plain_client().unwrap();
    let url = format!("http://{}/readyz", settings.listen);
    eventually("the server is ready", async || {
        client.get(&url).send().await.ok()?.status().is_success().then_some(())
    })
    .await;
}

fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut found = vec![(".".to_owned(), mode(folder))];
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        found.push((entry.file_name().into_string().unwrap(), mode(&entry.path())));
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_folder_are_for_their_owner_alone() {
    let db = TestDb::sqlite();
    let data = db.folder.path().join("data");
    let mut settings = db.settings();
    settings.data_dir = data.clone();
    settings.database_url = format!("sqlite:{}", data.join("hooks.db").display());
    settings.listen =
        tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let log = db.folder.path().join("log");
    let mut server = serve_carelessly(&settings, &log);
    wait_until_ready(&settings).await;
    let expected: Vec<(String, u32)> = [
        (".", 0o700),
        ("hooks.db", 0o600),
        ("hooks.db-shm", 0o600),
        ("hooks.db-wal", 0o600),
        ("hooks.db.lock", 0o600),
        ("hooks.db.opening", 0o600),
        ("hooks.db.reserve", 0o600),
        ("master.key", 0o600),
    ]
    .map(|(name, mode)| (name.to_owned(), mode))
    .into();
    let reserve = data.join("hooks.db.reserve");
    eventually("the reserve is made", async || reserve.exists().then_some(())).await;
    assert_eq!(modes(&data), expected);
    server.kill();
    // As an earlier version left them.
    for (name, _) in modes(&data) {
        let mode = if name == "." { 0o755 } else { 0o644 };
        fs::set_permissions(data.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let _server = serve_carelessly(&settings, &log);
    wait_until_ready(&settings).await;
    eventually("all files are private to their owner", async || {
        (modes(&data) == expected).then_some(())
    })
    .await;
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("other users could open this") && said.contains("master.key"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_databases_in_one_folder_have_a_server_each() {
    let db = TestDb::sqlite();
    let mut engines = Vec::new();
    for name in ["hooks.db", "hooks.sqlite", "hooks"] {
        let mut settings = db.settings();
        settings.database_url = format!("sqlite:{}", db.folder.path().join(name).display());
        engines.push(Dispatcher::start(db::config(settings)).await.unwrap());
    }
    for engine in engines {
        engine.shutdown().await;
    }
}
