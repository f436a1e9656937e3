//! `service-hooks demo`, with the real binary: what it writes is consistent, it writes only into an
//! empty database, and a server that is started on it sends nothing.

use serde_json::Value;

use super::commands::{settings, wait_until_ready};
use crate::support::{
    binary::{Server, run, succeed},
    db::TestDb,
    eventually, on_both, sql,
};

on_both!(the_demo_is_a_consistent_installation_that_sends_nothing,);

async fn the_demo_is_a_consistent_installation_that_sends_nothing(db: TestDb) {
    let settings = settings(&db).await;
    let url = settings.database_url();
    let fill = ["demo", "--password-stdin", "--json"];
    let said = succeed(&settings, &fill, "seven purple kettles sing");
    let filled: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(filled["users"].as_array().unwrap().len(), 5);
    assert!(filled.get("password").is_none(), "the caller knows it");
    let states = filled["deliveries"].as_object().unwrap();
    let sum: i64 = states.values().map(|count| count.as_i64().unwrap()).sum();
    assert_eq!((states.len(), (4300..5900).contains(&sum)), (7, true), "{states:?}");
    let number = async |question: &str| sql::number(&url, question).await.unwrap();
    assert_eq!(number("SELECT COUNT(*) FROM deliveries").await, sum);
    let attempts = number("SELECT COUNT(*) FROM attempts").await;
    assert_eq!(Some(attempts), filled["attempts"].as_i64());
    // Every delivery's columns agree with its attempts.
    let differ = "SELECT COUNT(*) FROM deliveries d WHERE d.attempts <> (SELECT COUNT(*) FROM \
                  attempts a WHERE a.delivery_id = d.id)";
    assert_eq!(number(differ).await, 0);

    let refused = run(&settings, &fill, "seven purple kettles sing");
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{words}");
    assert!(words.contains("empty database"), "{words}");
    assert_eq!(number("SELECT COUNT(*) FROM deliveries").await, sum, "and it wrote nothing");

    let said = succeed(&settings, &["doctor"], "");
    assert!(!said.contains("PROBLEM") && said.contains(&format!("{} pruned", 11_480)), "{said}");

    let _server = Server::start(&settings);
    wait_until_ready(settings.listen).await;
    // The running job moves; what it redelivers is held, because its hook is off.
    eventually("the job has redelivered something", async || {
        let moved = number("SELECT COUNT(*) FROM jobs WHERE state = 'running' AND done > 0").await;
        (moved == 1).then_some(())
    })
    .await;
    assert_eq!(number("SELECT COUNT(*) FROM attempts").await, attempts, "nothing was sent");
}
