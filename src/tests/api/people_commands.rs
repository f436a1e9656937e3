//! The commands for users and tokens, with the real binary.

use serde_json::Value;
use service_hooks::engine::config::Settings;

use crate::support::{
    binary::{run, succeed},
    db::TestDb,
    on_both,
};

on_both!(users_are_listed_suspended_and_deleted, tokens_are_listed_and_revoked);

fn json(settings: &Settings, arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(settings, arguments, "")).unwrap()
}

fn create(settings: &Settings, email: &str, role: &str) {
    let arguments = ["user", "create", "--email", email, "--role", role, "--password-stdin"];
    succeed(settings, &arguments, "correct horse battery\n");
}

/// What a command that fails says, and its exit code.
fn fail(settings: &Settings, arguments: &[&str]) -> (i32, String) {
    let output = run(settings, arguments, "");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

async fn users_are_listed_suspended_and_deleted(db: TestDb) {
    let settings = db.settings();
    succeed(&settings, &["migrate"], "");
    assert_eq!(succeed(&settings, &["user", "list"], ""), "No users yet.");
    create(&settings, "ann@example.org", "administrator");
    create(&settings, "bob@example.org", "developer");
    succeed(&settings, &["user", "disable", "BOB@example.org"], "");
    let list = succeed(&settings, &["user", "list"], "");
    assert!(list.contains("bob@example.org  developer  disabled  bob"), "{list}");
    let items = json(&settings, &["user", "list", "--json"])["items"].clone();
    assert_eq!(items[0]["roles"][0], "administrator");
    assert_eq!((&items[0]["disabled"], &items[1]["disabled"]), (&false.into(), &true.into()));
    let enabled = json(&settings, &["user", "enable", "bob@example.org", "--json"]);
    assert_eq!(enabled["state"], "active");
    succeed(&settings, &["user", "delete", "bob@example.org"], "");
    for act in ["disable", "delete"] {
        let (code, said) = fail(&settings, &["user", act, "ann@example.org"]);
        assert!(code == 2 && said.contains("The last active administrator"), "{said}");
        let (code, said) = fail(&settings, &["user", act, "bob@example.org"]);
        assert!(code == 1 && said.contains("There is no such user."), "{said}");
    }
}

async fn tokens_are_listed_and_revoked(db: TestDb) {
    let settings = db.settings();
    succeed(&settings, &["migrate"], "");
    assert_eq!(succeed(&settings, &["token", "list"], ""), "No tokens yet.");
    let made = ["token", "create", "--name", "backend", "--permission", "events:emit", "--json"];
    let made = json(&settings, &made);
    let secret = made["token"].as_str().unwrap();
    let list = succeed(&settings, &["token", "list"], "");
    assert!(list.contains("valid") && list.contains("backend"), "{list}");
    assert!(list.contains(&secret[..8]) && !list.contains(secret), "{list}");
    let id = made["id"].as_str().unwrap();
    succeed(&settings, &["token", "revoke", id], "");
    let items = json(&settings, &["token", "list", "--json"])["items"].clone();
    assert_eq!((&items[0]["state"], &items[0]["owner"]), (&"revoked".into(), &Value::Null));
    let (code, said) = fail(&settings, &["token", "revoke", id]);
    assert!(code == 1 && said.contains("There is no such token."), "{said}");
    assert_eq!(fail(&settings, &["token", "revoke", "x"]).0, 2);
}
