//! The load of idle servers on their database, and the cost of a change to one hook: it does not
//! grow with the number of hooks.

use serde_json::{Value, json};

use super::cluster::{Cluster, TAKEOVER_SECONDS};
use crate::support::{db::TestDb, receiver::Receiver, within};

const HOOKS: usize = 300;
/// Heartbeats, of both servers together, during the measurement.
const BEATS: i64 = 24;

/// Counters of the database: transactions, heartbeats, and rows of `lanes` written and read.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
struct Counted {
    transactions: i64,
    beats: i64,
    lanes_written: i64,
    lanes_read: i64,
}

async fn count(cluster: &Cluster) -> Counted {
    let rows: Vec<Counted> = cluster
        .ask(
            "SELECT d.xact_commit AS transactions, n.n_tup_upd AS beats, l.n_tup_upd + l.n_tup_ins \
             AS lanes_written,
                    COALESCE(l.seq_tup_read, 0) + COALESCE(l.idx_tup_fetch, 0) AS lanes_read
             FROM pg_stat_database d, pg_stat_user_tables n, pg_stat_user_tables l
             WHERE d.datname = current_database() AND n.relname = 'nodes' AND l.relname = 'lanes'",
        )
        .await;
    rows[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_hooks_cause_no_load_and_a_change_reloads_only_its_hook() {
    let cluster = Cluster::start(TestDb::postgres().await, 2).await;
    let receiver = Receiver::start().await;
    let mut hook = None;
    for number in 0..HOOKS {
        hook = Some(cluster.hook(&receiver, &format!("/in/{number}"), json!({})).await);
    }
    within(TAKEOVER_SECONDS, "every hook has a node", async || {
        (cluster.owners().await.len() == HOOKS).then_some(())
    })
    .await;
    // The initial reads are over when the counters stay the same for some heartbeats. Each query of
    // the test is itself a transaction.
    let mut asked = 0;
    let mut still = count(&cluster).await;
    within(60, "nothing reads lanes any more", async || {
        asked += 1;
        // PostgreSQL counts a query some seconds later: with frequent queries many would be counted
        // during the measurement.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let now = count(&cluster).await;
        if now.lanes_read != still.lanes_read || now.lanes_written != still.lanes_written {
            (still, asked) = (now, 0);
        }
        (now.beats >= still.beats + 8).then_some(())
    })
    .await;
    // Earlier statements of a connection are counted after it was idle for ten seconds.
    tokio::time::sleep(std::time::Duration::from_secs(15)).await;
    let (before, mut questions) = (count(&cluster).await, 0);
    let after = within(120, "servers send heartbeats", async || {
        questions += 1;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let now = count(&cluster).await;
        (now.beats >= before.beats + BEATS).then_some(now)
    })
    .await;
    let (beats, transactions) =
        (after.beats - before.beats, after.transactions - before.transactions);
    // Opening a connection for a query is a transaction, and the query is another.
    let idle = transactions - 3 * questions;
    // PostgreSQL's own transaction count lags and includes maintenance: it is printed, not
    // asserted.
    eprintln!(
        "{HOOKS} hooks, {beats} beats: {idle} transactions beside ours; {before:?}, {after:?}"
    );
    assert_eq!(after.lanes_written, before.lanes_written, "an idle lane was written");
    assert_eq!(after.lanes_read, before.lanes_read, "idle lanes were read");

    let loads = async || {
        let name = "service_hooks_lane_load_duration_seconds_count";
        cluster.figure(0, name).await + cluster.figure(1, name).await
    };
    let loaded = loads().await;
    let path = format!("/hooks/{}", hook.unwrap());
    let (status, answer) = cluster.api(0, "PATCH", &path, json!({"name": "renamed"})).await;
    assert_eq!(status, 200, "{answer}");
    within(20, "its lane is read again", async || (loads().await > loaded).then_some(())).await;
    let seen = count(&cluster).await;
    within(60, "both have read the change", async || {
        (count(&cluster).await.beats >= seen.beats + 6).then_some(())
    })
    .await;
    let more = loads().await - loaded;
    assert!(more <= 4.0, "{more} lanes were loaded again after one hook was renamed");
    let lanes = count(&cluster).await.lanes_read - seen.lanes_read.min(after.lanes_read);
    assert!(lanes < HOOKS as i64, "{lanes} lanes were read after one hook was renamed");
    let (_, renamed) = cluster.api(1, "GET", &path, Value::Null).await;
    assert_eq!(renamed["name"], "renamed");
}
