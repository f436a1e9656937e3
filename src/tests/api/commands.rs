//! The command line, with the real binary.

use serde_json::Value;

use crate::support::{
    binary::{Server, run, succeed},
    db::TestDb,
    eventually, on_both,
    receiver::Receiver,
};

on_both!(the_quick_start_of_the_readme, wrong_usage_is_reported_and_exits_with_2,);

/// Settings with a free port.
pub async fn settings(db: &TestDb) -> service_hooks::engine::config::Settings {
    let mut settings = db.settings();
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    settings.listen = port;
    settings
}

pub async fn wait_until_ready(address: std::net::SocketAddr) {
    let client = service_hooks::engine::delivery::client::plain_client().unwrap();
    eventually("the server is ready", async || {
        let answer = client.get(format!("http://{address}/readyz")).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
}

async fn the_quick_start_of_the_readme(db: TestDb) {
    let settings = settings(&db).await;
    let mut settings_of_client = settings.clone();
    settings_of_client.database_url = settings.database_url.clone();
    succeed(&settings, &["migrate"], "");
    let create = [
        "user",
        "create",
        "--email",
        "ann@example.org",
        "--role",
        "administrator",
        "--password-stdin",
    ];
    succeed(&settings, &create, "correct horse battery\n");
    let permissions =
        ["events:emit", "hooks:read", "hooks:write", "deliveries:read", "deliveries:replay"];
    let mut arguments = vec!["token", "create", "--name", "backend"];
    for permission in permissions {
        arguments.extend(["--permission", permission]);
    }
    let token = succeed(&settings, &arguments, "");
    assert!(token.starts_with("shk_") && !token.contains(char::is_whitespace), "{token:?}");

    let _server = Server::start(&settings);
    wait_until_ready(settings.listen).await;
    let receiver = Receiver::start().await;
    let server = format!("http://{}", settings.listen);
    let client = ["--server", server.as_str(), "--token", token.as_str()];
    let command = |arguments: &[&str]| {
        let mut all = vec![arguments[0]];
        all.extend(client);
        all.extend(&arguments[1..]);
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let do_it = |arguments: &[&str], input: &str| {
        let all = command(arguments);
        succeed(&settings_of_client, &all.iter().map(String::as_str).collect::<Vec<_>>(), input)
    };
    let url = receiver.url("/in");
    let made: Value = serde_json::from_str(&do_it(
        &[
            "hook",
            "create",
            "--name",
            "A",
            "--event",
            "work_item.closed",
            "--url",
            &url,
            "--api-key-stdin",
            "--json",
        ],
        "the-key",
    ))
    .unwrap();
    let id = made["id"].as_str().unwrap();
    assert!(made["signing_secret"].as_str().unwrap().starts_with("whsec_"));
    do_it(&["hook", "enable", id], "");
    let accepted: Value =
        serde_json::from_str(&do_it(&["emit", "work_item.closed", "--example", "--json"], ""))
            .unwrap();
    let came = receiver.wait_for(1).await;
    assert_eq!(came[0].header("webhook-id"), accepted["id"].as_str().unwrap());
    assert_eq!(came[0].header("x-api-key"), "the-key");
    let example = service_hooks::engine::catalogue::sample(
        service_hooks::domain::event::EventType::WorkItemClosed,
    );
    do_it(&["emit", "work_item.closed", "--data", "-"], example);
    assert_eq!(receiver.wait_for(2).await[1].body, example.as_bytes());
    assert!(do_it(&["hook", "list"], "").contains(id));
    assert_eq!(do_it(&["hook", "try-now", id], ""), "No deliveries are waiting.");
    let event: Value =
        serde_json::from_str(&do_it(&["emit", "work_item.closed", "--example", "--json"], ""))
            .unwrap();
    let deliveries =
        format!("http://{}/api/v1/events/{}", settings.listen, event["id"].as_str().unwrap());
    let api = service_hooks::engine::delivery::client::plain_client().unwrap();
    let delivery = eventually("it is delivered", async || {
        let answer =
            api.get(&deliveries).bearer_auth(&token).send().await.unwrap().text().await.unwrap();
        let delivery = serde_json::from_str::<Value>(&answer).unwrap()["deliveries"][0].clone();
        (delivery["state"] == "delivered").then(|| delivery["id"].as_str().unwrap().to_owned())
    })
    .await;
    assert_eq!(
        do_it(&["delivery", "try-now", &delivery], ""),
        format!("Sending delivery {delivery} now.")
    );
    receiver.wait_for(4).await;
    let lines = do_it(&["delivery", "export", "--format", "jsonl", "--state", "delivered"], "");
    assert_eq!(lines.lines().count(), 3, "{lines}");
    let csv = do_it(&["delivery", "export", "--hook", id, "--answer", "5xx"], "");
    assert!(csv.starts_with("delivery_id,") && csv.lines().count() == 1, "{csv}");
    do_it(&["hook", "disable", id], "");
    do_it(&["emit", "work_item.closed", "--example"], "");
    let dismiss = ["hook", "dismiss", id, "--state", "skipped", "--reason", "Called back"];
    let said = do_it(&dismiss, "");
    let dismissal = said.strip_prefix("Dismissed 1 delivery. Dismissal: ").expect(&said);
    assert_eq!(
        do_it(&["hook", "bring-back", dismissal], "").split(',').next(),
        Some("Brought back")
    );
    do_it(&["hook", "delete", id], "");
    assert!(!do_it(&["hook", "list"], "").contains(id));
    let said = succeed(&settings, &["doctor"], "");
    assert!(said.contains("4 accepted = ") && !said.contains("PROBLEM"), "{said}");
    // `user` and `token` work while the server runs.
    succeed(&settings, &["token", "create", "--name", "second", "--permission", "hooks:read"], "");
}

async fn wrong_usage_is_reported_and_exits_with_2(db: TestDb) {
    let settings = settings(&db).await;
    let rows: &[(&[&str], &str, i32, &str)] = &[
        (&[], "", 2, "Usage"),
        (&["frobnicate"], "", 2, "frobnicate"),
        (&["emit", "work_item.closed"], "", 2, "--example"),
        (&["emit", "no.such", "--example", "--token", "x"], "", 2, "work_item.closed"),
        (&["emit", "work_item.closed", "--example"], "", 2, "--token"),
        (&["emit", "work_item.closed", "--data", "-", "--token", "x"], "{", 2, "JSON"),
        (
            &[
                "emit",
                "work_item.closed",
                "--example",
                "--token",
                "x",
                "--server",
                "http://127.0.0.1:9",
            ],
            "",
            1,
            "serve",
        ),
        (&["delivery", "export"], "", 2, "--token"),
        (&["hook", "dismiss", "x"], "", 2, "--reason"),
        (&["schema", "no.such"], "", 2, "work_item.closed"),
        (&["schema", "work_item.closed", "--draft", "4"], "", 2, "2020-12"),
        (
            &["user", "create", "--email", "x", "--role", "king", "--password-stdin"],
            "short",
            2,
            "administrator",
        ),
        (
            &["user", "create", "--email", "a@b.c", "--role", "agent", "--password-stdin"],
            "password1234",
            2,
            "common",
        ),
        (
            &["user", "create", "--email", "a@b.c", "--role", "agent", "--password-stdin"],
            "ghkghkghkghkghk",
            2,
            "repeats",
        ),
        (
            &["user", "create", "--email", "a@b.c", "--role", "agent", "--password-stdin"],
            "            ",
            2,
            "blanks",
        ),
        (&["token", "create", "--name", "x", "--permission", "everything"], "", 2, "events:emit"),
        (&["listen", "--secret", "nonsense"], "", 2, "whsec_"),
    ];
    for (arguments, input, code, words) in rows {
        let output = run(&settings, arguments, input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty() && !said.contains("panicked"), "{arguments:?}: {said}");
    }
    let schema: Value = serde_json::from_str(&succeed(
        &settings,
        &["schema", "work_item.closed", "--draft", "07"],
        "",
    ))
    .unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("draft-07"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_on_the_database_refuses_another_master_key() {
    let db = TestDb::sqlite();
    let settings = settings(&db).await;
    succeed(&settings, &["migrate"], "");
    let output = run(&settings, &["doctor"], "");
    let said = String::from_utf8_lossy(&output.stdout);
    // A new installation is well: a script that checks it must not stop here.
    assert!(output.status.success() && said.contains("WARNING  users"), "{said}");
    std::fs::write(settings.data_dir.join("master.key"), "another key that is also long enough")
        .unwrap();
    let user =
        ["user", "create", "--email", "ann@example.org", "--role", "agent", "--password-stdin"];
    let token = ["token", "create", "--name", "backend", "--permission", "events:emit"];
    for command in [&["serve"][..], &["migrate"], &["doctor"], &user, &token] {
        let output = run(&settings, command, "correct horse battery");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(1) && said.contains("not the master key of this database"),
            "{said}"
        );
        assert!(said.contains("SERVICE_HOOKS_MASTER_KEY_FILE"), "{said}");
    }
}

/// `serve` and `migrate` create the data folder; other commands would create an empty database in
/// the current folder.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_in_another_folder_creates_no_database() {
    let db = TestDb::sqlite();
    let elsewhere = db.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let user =
        ["user", "create", "--email", "ann@example.org", "--role", "agent", "--password-stdin"];
    let token = ["token", "create", "--name", "backend", "--permission", "events:emit"];
    let run_there = |arguments: &[&str], data: &[(&str, &std::path::Path)]| {
        let mut command = crate::support::binary::command(&db.settings(), arguments);
        command
            .env_clear()
            .envs(data.iter().copied())
            .current_dir(&elsewhere)
            .stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that fails may exit before it reads its input.
        let _gone =
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"correct horse battery");
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let is_empty = |folder: &std::path::Path| std::fs::read_dir(folder).unwrap().next().is_none();
    for command in [&user[..], &token, &["doctor"]] {
        let (code, said) = run_there(command, &[]);
        let place = elsewhere.join("data").display().to_string();
        assert!(
            code == Some(1) && said.contains(&place) && said.contains("SERVICE_HOOKS_DATA_DIR"),
            "{said}"
        );
        assert!(is_empty(&elsewhere), "{command:?} created a file");
    }
    // A `data` folder of another program.
    std::fs::create_dir(elsewhere.join("data")).unwrap();
    for command in [&user[..], &token, &["doctor"]] {
        let (code, said) = run_there(command, &[]);
        assert!(
            code == Some(1) && said.contains("There is no database at") && said.contains("serve"),
            "{said}"
        );
        assert!(is_empty(&elsewhere.join("data")), "{command:?} created a file");
    }
    // An existing folder that a setting names is prepared at the first start.
    let named = db.folder.path().join("named");
    std::fs::create_dir(&named).unwrap();
    let variables = [("SERVICE_HOOKS_DATA_DIR", named.as_path())];
    assert_eq!(run_there(&["doctor"], &variables).0, Some(1));
    assert!(is_empty(&named));
    assert_eq!(run_there(&user, &variables).0, Some(0));
    assert!(named.join("service-hooks.db").exists() && named.join("master.key").exists());
    let missing = db.folder.path().join("missing");
    let variables = [("SERVICE_HOOKS_DATA_DIR", missing.as_path())];
    assert_eq!(run_there(&token, &variables).0, Some(1));
    assert!(!missing.exists());
    assert_eq!(run_there(&["migrate"], &variables).0, Some(0));
    assert!(missing.join("service-hooks.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_do_not_deliver_from_one_sqlite_file() {
    let db = TestDb::sqlite();
    let first = settings(&db).await;
    let _server = Server::start(&first);
    wait_until_ready(first.listen).await;
    let second = settings(&db).await;
    let output = run(&second, &["serve"], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("another server is running"),
        "{said}"
    );
    // If the port is in use it reports that, and delivers nothing.
    let output = run(&first, &["serve"], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("SERVICE_HOOKS_LISTEN"), "{said}");
}
