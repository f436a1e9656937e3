//! Looking for a text in bodies: what it costs the others, and how far one page looks.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use service_hooks::{
    domain::{event::EventType, permission::Role},
    engine::{catalogue::sample, clock::Clock},
};

use super::log::{link, page, start, words};
use crate::support::{db::TestDb, on_both};

on_both!(searches_through_large_bodies_take_turns_and_say_how_far_they_looked);

const LOG: &str = "/integration/deliveries";
const EVENT: EventType = EventType::WorkItemClosed;
/// More than one page reads through.
const LARGE: usize = 36;
/// As many as once stopped a portal for 18 seconds.
const SEARCHES: usize = 24;

async fn searches_through_large_bodies_take_turns_and_say_how_far_they_looked(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    app.hook(&token, EVENT, &receiver).await;
    let emit = async |text: String| {
        let mut data: Value = serde_json::from_str(sample(EVENT)).unwrap();
        data["note"] = text.into();
        let (status, said) = app
            .api(&token, "POST", "/events", Some(json!({"type": EVENT.key(), "data": data})))
            .await;
        assert_eq!(status, 202, "{said}");
    };
    emit("the Oldest of all".into()).await;
    for _ in 0..LARGE {
        emit("a".repeat(250_000)).await;
    }
    let browser = app.browser(Role::Administrator).await;
    // The worst there is to look for: each place of each body begins like it.
    let worst = format!("{LOG}?text={}b", "a".repeat(199));
    let searches = join_all((0..SEARCHES).map(|_| page(&browser, &worst)));
    let beside = async {
        let (another, mut slowest) = (app.browser(Role::Auditor).await, Duration::ZERO);
        for _ in 0..5 {
            let watch = Clock::System.stopwatch();
            page(&another, "/integration/hooks").await;
            slowest = slowest.max(watch.elapsed());
        }
        slowest
    };
    let watch = Clock::System.stopwatch();
    let (found, slowest) = tokio::join!(searches, beside);
    eprintln!(
        "{SEARCHES} searches took {:?}; beside them a page took {slowest:?} at most",
        watch.elapsed()
    );
    for text in found {
        assert!(words(&text).contains("No matches so far. Searched back to"), "{}", words(&text));
    }
    // What one page does not come to, the next one does.
    let text = page(&browser, &format!("{LOG}?text=the+oldest+OF+all")).await;
    let further = link(&text, "Search further back").expect("it looked no further than it may");
    let text = page(&browser, &further).await;
    assert!(
        text.contains("<th scope=\"row\">") && link(&text, "Search further back").is_none(),
        "{}",
        words(&text)
    );
    app.assert_balanced().await;
}
