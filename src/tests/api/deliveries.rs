//! Pagination of the list of deliveries: also with rare results, and with times exact to the
//! millisecond.

use serde_json::Value;
use service_hooks::{
    domain::{event::EventType, time::Timestamp},
    engine::clock::Clock,
};

use crate::support::{
    app::TestApp, db::TestDb, on_both, rare::below_many, receiver::Receiver, rows,
};

on_both!(rare_deliveries_are_found_page_by_page_with_exact_times);

/// More deliveries than one page scans.
const COUNT: u64 = 12_000;

async fn rare_deliveries_are_found_page_by_page_with_exact_times(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &Receiver::start().await).await;
    let hook = hook["id"].as_str().unwrap().parse().unwrap();
    // One per millisecond, until now: none is old enough for retention.
    let began = u64::try_from(Clock::System.now().0).unwrap() - COUNT;
    let rows = below_many(hook, began, COUNT);
    rows::insert(&app.db.settings().database_url(), &rows).await.unwrap();
    let get = async |query: &str| -> Value {
        let (status, page) = app.api(&token, "GET", &format!("/deliveries?{query}"), None).await;
        assert_eq!(status, 200, "{page}");
        page
    };
    let ids = |page: &Value| -> Vec<String> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };

    let (mut found, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = get(&format!("event=outbound_call.initiated&cursor={cursor}")).await;
        found.extend(ids(&page));
        pages += 1;
        let Some(next) = page["next_cursor"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert_eq!(found, [rows[0].id.to_string()]);
    assert!(
        (2..=4).contains(&pages),
        "{pages} pages: each scans a limited number of rows and shows how far it searched"
    );

    let at = |number: u64| Timestamp(i64::try_from(began + number).unwrap()).rfc3339();
    let page = get(&format!("from={}&to={}&limit=200", at(5000), at(5003))).await;
    let expected: Vec<String> =
        (5000..5003).rev().map(|number| rows[number].id.to_string()).collect();
    assert_eq!(ids(&page)[..], expected[..], "{page}");
}
