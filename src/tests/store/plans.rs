//! The query plans of every statement: they are collected while a portal goes through all its
//! operations. No statement may scan a growing table.
//!
//! On SQLite the plans are queried afterwards. PostgreSQL reports the plan of every executed
//! statement (auto_explain), with sequential scans disabled where there is an alternative.

mod heard;
mod life;
mod postgres;
mod sqlite;

use serde_json::json;

use crate::{
    engine::scene::Scene,
    support::{
        app::TestApp,
        db::{self, TestDb},
        eventually,
        receiver::Receiver,
        sql::{self, ASKED_BY_A_TEST},
    },
};

/// Tables with a row for each event, request, attempt, hour or audit entry.
const GROWING: &[&str] = &[
    "events",
    "deliveries",
    "attempts",
    "idempotency",
    "audit",
    "sessions",
    "hours",
    "latencies",
    "jobs",
];

/// An index of a growing table that is always short and may be scanned.
const SHORT: &[&str] = &["jobs_running"];

/// Sums all waiting deliveries of a hook that has more than the query for all hooks counts.
const WEIGHS_ONE: &str = "CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM deliveries WHERE hook_id";

/// The test is not complete without these. If a text depends on the database, its beginning is
/// sufficient.
const IMPORTANT: &[&str] = &[
    "INSERT INTO events",
    "DELETE FROM sessions",
    "DELETE FROM idempotency",
    "DELETE FROM hours WHERE hook_id",
    "DELETE FROM latencies WHERE hook_id",
    "DELETE FROM attempts WHERE delivery_id IN",
    "DELETE FROM deliveries WHERE id IN",
    "DELETE FROM events WHERE id IN",
    "DELETE FROM audit WHERE id IN",
    "UPDATE events SET body",
    "UPDATE attempts SET response_headers",
    "UPDATE deliveries SET order_key = NULL",
    "UPDATE deliveries SET due_at = NULL, state = 'held'",
    "UPDATE deliveries SET due_at = NULL, state = 'cancelled'",
    "UPDATE deliveries SET state = CASE WHEN attempts = 0",
    "UPDATE jobs SET node_id",
    "UPDATE deliveries SET state = 'cancelled', due_at = NULL, reason_before",
    "UPDATE deliveries SET reason = reason_before",
    "SELECT state, is_off, COUNT(*) FROM",
    "AND d.state = 'failed' AND NOT d.is_test LIMIT",
    "FROM deliveries d JOIN events e ON e.id = d.event_id",
    "SELECT state, COUNT(*) FROM deliveries WHERE id >=",
    "UNION ALL SELECT state, COUNT(*) FROM deliveries",
    WEIGHS_ONE,
    "AS BIGINT), state, last_class, COUNT(*) FROM deliveries",
    "SELECT h.id FROM hooks h WHERE h.deleted_at IS NULL AND (",
    "SELECT id FROM events WHERE pruned_at IS NULL AND id",
    "FROM audit WHERE target",
    "FROM jobs WHERE id <",
    "FROM hours WHERE hook_id",
    "FROM sessions WHERE id_hash",
    "FROM drafts WHERE id",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_scans_a_growing_table_on_sqlite() {
    let heard = heard::listen();
    let db = TestDb::sqlite();
    let url = db.settings().database_url();
    let scene = life::live(db, &heard).await;
    // Periodic queries run eventually.
    let statements = eventually("all important statements were executed", async || {
        let statements = heard.statements();
        missing(&statements).is_empty().then_some(statements)
    })
    .await;
    let mut bad = Vec::new();
    for statement in statements.iter().filter(|statement| !statement.contains(ASKED_BY_A_TEST)) {
        for step in sqlite::plan(&url, statement).await {
            if sqlite::is_scan(statement, &step) {
                bad.push(format!("{step}: {statement}"));
            }
        }
    }
    assert!(
        bad.is_empty(),
        "{} statements go through a growing table:\n{}",
        bad.len(),
        bad.join("\n")
    );
    drop(scene);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_scans_a_growing_table_on_postgres() {
    let heard = heard::listen();
    let db = TestDb::postgres().await;
    let url = db.settings().database_url();
    sql::execute(&url, &postgres::url_with_plans(&url)).await.unwrap();
    let scene = life::live(db, &heard).await;
    let plans = eventually("all important statements were executed", async || {
        let plans: Vec<postgres::Plan> =
            heard.notices().iter().filter_map(|notice| postgres::plan(notice)).collect();
        let statements: Vec<String> =
            plans.iter().map(|plan| heard::one_line(&plan.statement)).collect();
        missing(&statements).is_empty().then_some(plans)
    })
    .await;
    let mut bad: Vec<String> = Vec::new();
    for plan in plans.iter().filter(|plan| !plan.statement.contains(ASKED_BY_A_TEST)) {
        bad.extend(
            plan.scans()
                .into_iter()
                .map(|scan| format!("{scan}: {}", heard::one_line(&plan.statement))),
        );
    }
    bad.sort();
    bad.dedup();
    assert!(
        bad.is_empty(),
        "{} statements go through a growing table:\n{}",
        bad.len(),
        bad.join("\n")
    );
    drop(scene);
}

/// The important statements that were not executed.
fn missing(statements: &[String]) -> Vec<&'static str> {
    let is_missing =
        |important: &&str| !statements.iter().any(|statement| statement.contains(*important));
    IMPORTANT.iter().copied().filter(is_missing).collect()
}

/// Number of observed heartbeats.
const BEATS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_node_executes_few_statements_regardless_of_its_hooks() {
    let heard = heard::listen();
    let db = TestDb::postgres().await;
    let settings = db.settings();
    let app = TestApp::start_with(db.into(), db::config(settings.clone())).await;
    let scene = Scene { token: app.full_token().await, app, settings };
    let receiver = Receiver::start().await;
    for _ in 0..300 {
        scene.hook(&receiver, json!({})).await;
    }
    // The reads that the lanes' notices cause are over when a heartbeat passes without a load.
    let beats = || heard.times("UPDATE nodes");
    let all = || heard.times("");
    let quiet = async |many: usize| {
        let (beats_before, before) = (beats(), all());
        eventually("a node sends heartbeats", async || {
            (beats() >= beats_before + many).then_some(())
        })
        .await;
        (all() - before, beats() - beats_before)
    };
    eventually("the node is idle", async || {
        let (asked, beats) = quiet(4).await;
        (asked <= 5 * beats).then_some(())
    })
    .await;
    let (asked, beats) = quiet(BEATS).await;
    // A node sends one heartbeat per second.
    assert!(asked <= 5 * beats, "{asked} statements in {beats} beats");
}

#[test]
fn scans_are_detected_in_plans() {
    let is_scan = |statement: &str, step: &str| sqlite::is_scan(statement, step);
    assert!(is_scan("SELECT * FROM deliveries", "SCAN deliveries"));
    assert!(is_scan(
        "SELECT COUNT(*) FROM deliveries",
        "SCAN deliveries USING COVERING INDEX deliveries_held"
    ));
    assert!(is_scan("DELETE FROM hours WHERE hour < $1", "SCAN hours"));
    assert!(is_scan("SELECT 1 FROM events AS e JOIN hooks h ON TRUE", "SCAN e USING INDEX x"));
    assert!(!is_scan("SELECT 1 FROM events e JOIN hooks h ON TRUE", "SCAN h"));
    assert!(!is_scan("SELECT 1 FROM deliveries d", "SEARCH d USING INDEX x (hook_id=?)"));
    assert!(!is_scan("SELECT id FROM jobs", "SCAN jobs USING COVERING INDEX jobs_running"));
    let notice = r#"duration: 1.2 ms  plan:
{"Query Text": "SELECT 1", "Plan": {"Node Type": "Append", "Plans": [
  {"Node Type": "Limit", "Plans": [
    {"Node Type": "Index Scan", "Relation Name": "attempts", "Index Name": "x"}]},
  {"Node Type": "Limit", "Plans": [
    {"Node Type": "Index Scan", "Relation Name": "audit", "Index Name": "x",
     "Filter": "(at > $1)"}]},
  {"Node Type": "Seq Scan", "Relation Name": "deliveries"},
  {"Node Type": "Index Scan", "Relation Name": "events", "Index Name": "events_pkey"},
  {"Node Type": "Index Scan", "Relation Name": "events", "Index Name": "events_pkey",
   "Index Cond": "(id = $1)"},
  {"Node Type": "Seq Scan", "Relation Name": "hooks"}]}}"#;
    let plan = postgres::plan(notice).unwrap();
    assert_eq!(
        plan.scans(),
        ["Index Scan of audit", "Seq Scan of deliveries", "Index Scan of events"]
    );
    assert!(postgres::plan("relation \"x\" already exists, skipping").is_none());
}
