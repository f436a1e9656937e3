//! A backend that embeds the engine, like `examples/embed.rs`: it works, and its dependencies
//! include nothing of the portal.

use std::process::Command;

use axum::{body::Body, extract::Request, http::StatusCode};
use service_hooks::engine::Dispatcher;
use tower::ServiceExt;

use crate::support::{
    db::{self, TestDb},
    on_both,
    receiver::Receiver,
    within,
};

#[path = "../../../examples/embed.rs"]
#[expect(dead_code, reason = "its main function is what `cargo run --example embed` runs")]
mod example;

on_both!(the_example_creates_a_hook_and_emits);

async fn the_example_creates_a_hook_and_emits(db: TestDb) {
    let receiver = Receiver::start().await;
    let engine = Dispatcher::start(db::config(db.settings())).await.unwrap();
    let routes = example::backend(&engine, &receiver.url("/calls")).await.unwrap();
    let call = Request::post("/calls/17").body(Body::empty()).unwrap();
    assert_eq!(routes.oneshot(call).await.unwrap().status(), StatusCode::ACCEPTED);
    let came = within(60, "the call is delivered", async || receiver.came().pop()).await;
    assert_eq!((came.path.as_str(), came.member("agentID").as_str()), ("/calls", "17"));
    assert_eq!(came.header("x-api-key"), "the-key-that-the-receiver-expects");
    engine.shutdown().await;
}

/// The names of the crates that a backend with these features depends on.
fn tree(features: &str) -> String {
    let arguments = ["tree", "--frozen", "--edges", "normal", "--prefix", "none"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--format", "{p}", "--no-default-features", "--features", features])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn has(tree: &str, name: &str) -> bool {
    tree.lines().any(|line| line.split(' ').next() == Some(name))
}

#[test]
fn the_engine_alone_does_not_depend_on_the_portal() {
    let tree = tree("engine,sqlite,postgres");
    assert!(has(&tree, "sqlx") && has(&tree, "rusqlite") && has(&tree, "reqwest"), "{tree}");
    for name in ["leptos", "axum", "tower-sessions", "clap", "argon2", "utoipa"] {
        assert!(!has(&tree, name), "{name} is built:\n{tree}");
    }
}

/// A program can link only one SQLite. A backend with its own version uses the engine with
/// PostgreSQL only.
#[test]
fn the_engine_with_one_database_does_not_link_the_other() {
    let postgres = tree("engine,postgres");
    assert!(has(&postgres, "sqlx-postgres"), "{postgres}");
    for name in ["sqlx-sqlite", "rusqlite", "libsqlite3-sys"] {
        assert!(!has(&postgres, name), "{name} is built:\n{postgres}");
    }
    let sqlite = tree("engine,sqlite");
    assert!(has(&sqlite, "rusqlite") && !has(&sqlite, "sqlx-postgres"), "{sqlite}");
}
