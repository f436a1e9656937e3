//! Searches in payloads: their cost for other users, and how far one page searches.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use service_hooks::{
    domain::{event::EventType, permission::Role},
    engine::{catalogue::sample, clock::Clock},
};

use super::log::{link, page, start, words};
use crate::support::{db::TestDb, on_both};

on_both!(searches_in_large_payloads_take_turns_and_show_their_progress);

const LOG: &str = "/integration/deliveries";
const EVENT: EventType = EventType::WorkItemClosed;
/// More deliveries than one page searches.
const LARGE: usize = 36;
/// This many searches once blocked a portal for 18 seconds.
const SEARCHES: usize = 24;

async fn searches_in_large_payloads_take_turns_and_show_their_progress(db: TestDb) {
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
    // The worst case for the search: each position of each body begins like the text.
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
        assert!(words(&text).contains("No matches yet. Searched "), "{}", words(&text));
    }
    // The next page continues where the first one stopped.
    let text = page(&browser, &format!("{LOG}?text=the+oldest+OF+all")).await;
    let further = link(&text, "Search further back").expect("the search stopped at its limit");
    let text = page(&browser, &further).await;
    assert!(
        text.contains("<th scope=\"row\">") && link(&text, "Search further back").is_none(),
        "{}",
        words(&text)
    );
    app.assert_balanced().await;
}
