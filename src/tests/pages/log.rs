//! The log in a browser without scripts: filters in the URL, pagination, one delivery, and
//! redelivery.

use reqwest::StatusCode;
use service_hooks::domain::{event::EventType, permission::Role};

use crate::support::{
    app::{Browser, TestApp, location},
    db::{self, TestDb},
    on_both,
    receiver::{Receiver, Reply},
    rows::{self, Delivered, id_at},
};

on_both!(
    the_url_determines_the_list,
    pagination_covers_all_rows_in_both_directions,
    a_failed_delivery_is_found_explained_and_redelivered,
    several_deliveries_are_redelivered_after_confirmation,
    searching_payloads_requires_the_permission,
    undelivered_events_are_grouped,
);

const LOG: &str = "/integration/deliveries";

/// A portal with one attempt per delivery, and a receiver.
pub async fn start(db: TestDb) -> (TestApp, Receiver, String) {
    let mut settings = db.settings();
    settings.delivery.retry_schedule.clear();
    // Rows with ids of past years are inserted: retention must not delete them.
    let century = std::time::Duration::from_secs(100 * 365 * 24 * 3600);
    (settings.retention.payloads, settings.retention.deliveries) = (century, century);
    let app = TestApp::start_with(std::sync::Arc::new(db), db::config(settings)).await;
    let token = app.full_token().await;
    (app, Receiver::start().await, token)
}

pub async fn page(browser: &Browser, path: &str) -> String {
    let answer = browser.get(path.split('#').next().unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.text().await.unwrap()
}

/// The text of a page without its markup.
pub fn words(page: &str) -> String {
    let mut out = String::new();
    let mut is_tag = false;
    for character in page.chars() {
        match character {
            '<' => is_tag = true,
            '>' if is_tag => is_tag = false,
            _ if is_tag => {}
            _ => out.push(character),
        }
    }
    out.replace("&amp;", "&").replace("&lt;", "<").replace("&#39;", "'").replace("&quot;", "\"")
}

/// The rows of the log's table: the ids of their deliveries.
pub fn shown(page: &str) -> Vec<String> {
    let table = page.split("<table").nth(1).unwrap_or_default();
    let links = table.split("<th scope=\"row\">").skip(1);
    links
        .map(|row| {
            let href = row.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
            href.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned()
        })
        .collect()
}

/// The target of the link with this text.
pub fn link(page: &str, words: &str) -> Option<String> {
    let (before, _) = page.split_once(&format!(">{words}<"))?;
    let tag = before.rsplit_once("<a ")?.1;
    let href = tag.split("href=\"").nth(1)?.split('"').next()?;
    Some(href.replace("&amp;", "&"))
}

async fn the_url_determines_the_list(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let browser = app.browser(Role::Administrator).await;
    assert!(page(&browser, LOG).await.contains("No deliveries yet."));
    receiver.reply([Reply::status(503)]);
    let failed = app.emit_sample(&token, EventType::WorkItemClosed).await;
    let failed =
        app.delivery_in(&token, &failed, "failed").await["id"].as_str().unwrap().to_owned();
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    let delivered =
        app.delivery_in(&token, &event, "delivered").await["id"].as_str().unwrap().to_owned();
    let own = format!("/integration/hooks/{hook}/deliveries");
    let rows: &[(&str, &[&String])] = &[
        ("", &[&delivered, &failed]),
        ("?state=failed", &[&failed]),
        ("?state=undelivered", &[&failed]),
        ("?state=delivered", &[&delivered]),
        ("?answer=5xx", &[&failed]),
        ("?answer=server_error", &[&failed]),
        ("?answer=2xx&state=failed", &[]),
        ("?answer=none", &[]),
        ("?state=open", &[]),
        ("?event_type=outbound_call.initiated", &[]),
        ("?from=2020-01-01T00:00:00Z", &[&delivered, &failed]),
        ("?from=2020-01-01T05:45&zone=Asia%2FKathmandu", &[&delivered, &failed]),
        ("?to=2020-01-01T00:00:00Z", &[]),
        ("?text=job+WELL+done", &[&delivered, &failed]),
        ("?text=nowhere", &[]),
    ];
    for base in [LOG, &own] {
        for (query, wanted) in rows {
            let address = format!("{base}{query}");
            let text = page(&browser, &address).await;
            assert_eq!(&shown(&text).iter().collect::<Vec<_>>(), wanted, "{address}");
        }
    }
    assert_eq!(
        shown(&page(&browser, &format!("{LOG}?event={event}&hook={hook}")).await),
        [delivered]
    );
    let text =
        page(&browser, &format!("{LOG}?state=failed&from=2020-01-01T05:45&zone=Asia%2FKathmandu"))
            .await;
    assert!(text.contains("aria-label=\"Remove filter: Status Failed\""), "{text}");
    // Links contain complete times, in whatever zone they were entered.
    assert!(
        text.contains("href=\"/integration/deliveries?from=2020-01-01T00%3A00%3A00.000Z\""),
        "{text}"
    );
    for (query, field) in [
        ("event=x", "event"),
        ("from=soon", "from"),
        ("from=2021-01-01T00:00&to=2020-01-01T00:00", "to"),
        ("state=lost", "state"),
    ] {
        let text = page(&browser, &format!("{LOG}?{query}")).await;
        assert!(
            text.contains("There is a problem") && text.contains(&format!("href=\"#{field}\"")),
            "{query}"
        );
        assert!(shown(&text).is_empty());
    }
    assert_eq!(
        browser
            .get("/integration/hooks/01a204bb-1819-71de-ab65-de4c5e226a44/deliveries")
            .await
            .status(),
        404
    );
    app.assert_balanced().await;
}

async fn pagination_covers_all_rows_in_both_directions(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let row = |number: u64| Delivered {
        id: id_at(1_700_000_000_000 + number, 1),
        event: id_at(1_700_000_000_000 + number, 0),
        hook: hook.parse().unwrap(),
        event_type: "work_item.closed",
        state: if number.is_multiple_of(2) { "delivered" } else { "failed" },
        class: Some(if number.is_multiple_of(2) { "success" } else { "timeout" }),
        status: None,
        is_test: false,
        body: "{}".to_owned(),
    };
    let made: Vec<Delivered> = (0..230).map(row).collect();
    rows::insert(&app.db.settings().database_url(), &made).await.unwrap();
    let browser = app.browser(Role::Administrator).await;
    for (query, wanted) in [
        ("", (0..230).rev().collect::<Vec<usize>>()),
        ("?state=failed", (0..230).rev().filter(|number| number % 2 == 1).collect()),
    ] {
        let wanted: Vec<String> =
            wanted.into_iter().map(|number| made[number].id.to_string()).collect();
        let (mut seen, mut path, mut ways) = (Vec::new(), format!("{LOG}{query}"), Vec::new());
        loop {
            let text = page(&browser, &path).await;
            seen.extend(shown(&text));
            ways.push(text.clone());
            match link(&text, "Older") {
                Some(next) => path = next,
                None => break,
            }
        }
        assert_eq!(seen, wanted, "{query}");
        // Back again, to the first page.
        let mut text = ways.pop().unwrap();
        for before in ways.iter().rev() {
            text = page(&browser, &link(&text, "Newer").unwrap()).await;
            assert_eq!(shown(&text), shown(before), "{query}");
        }
        assert!(link(&text, "Newer").is_none() && link(&text, "Newest").is_none());
    }
    let text = page(&browser, &format!("{LOG}?state=failed")).await;
    assert!(words(&text).contains("Redeliver all 115 matching events"), "{}", words(&text));
}

async fn a_failed_delivery_is_found_explained_and_redelivered(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    receiver.reply([Reply::status(401)]);
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    let id = app.delivery_in(&token, &event, "failed").await["id"].as_str().unwrap().to_owned();
    let browser = app.browser(Role::Administrator).await;
    let list = page(&browser, &format!("{LOG}?state=failed")).await;
    let own = format!("/integration/hooks/{hook}/deliveries/{id}");
    assert!(list.contains(&format!("href=\"{own}?state=failed&amp;log=all\"")), "{list}");
    let text = page(&browser, &format!("{own}?state=failed&log=all")).await;
    let read = words(&text);
    for said in [
        "Failed after 1 attempt. Last response: 401 Unauthorized.",
        "didn't accept the API key",
        "First byte",
        "x-api-key: ••••",
        "The payload matches the schema.",
        "Job well done",
        "curl -X POST",
        "$API_KEY",
        "All deliveries of this event",
    ] {
        assert!(read.contains(said), "{said}: {read}");
    }
    assert!(!text.contains("the-key") && !text.contains("v1,A"), "a secret is in the page");
    // The original payload in one line, as the producer sent it; formatted, raw, and as a file.
    let sample = service_hooks::engine::catalogue::sample(EventType::WorkItemClosed);
    let sample = serde_json::from_str::<serde_json::Value>(sample).unwrap().to_string();
    let raw = words(&page(&browser, &format!("{own}?view=raw")).await);
    assert!(raw.contains(&sample), "{raw}");
    let file = browser.get(&format!("{own}/body.json")).await;
    assert_eq!(file.text().await.unwrap(), sample);
    // First a confirmation, then the redelivery.
    let question = page(&browser, &link(&text, "Redeliver").unwrap()).await;
    let asked = words(&question);
    assert!(
        asked.contains("Redeliver this event?")
            && asked.contains(&receiver.url("/in"))
            && asked.contains(&event),
        "{asked}"
    );
    let sent = browser.post("/rpc/service_hooks/rpc/deliveries/redeliver", &[("id", &id)]).await;
    assert_eq!(location(&sent), own);
    app.delivery_in(&token, &event, "delivered").await;
    let read = words(&page(&browser, &own).await);
    assert!(
        read.contains("Succeeded after 2 attempts: 200 OK") && read.contains("Redelivery started."),
        "{read}"
    );
    // An auditor sees the result, but neither the payload nor the button.
    let auditor = app.browser(Role::Auditor).await;
    let text = page(&auditor, &own).await;
    assert!(!text.contains("Job well done") && link(&text, "Redeliver").is_none());
    assert!(words(&text).contains("Your role can't view event payloads."));
    assert_eq!(auditor.get(&format!("{own}/body.json")).await.status(), StatusCode::FORBIDDEN);
    app.assert_balanced().await;
}

async fn several_deliveries_are_redelivered_after_confirmation(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    receiver.reply([Reply::status(500), Reply::status(500), Reply::held()]);
    let mut ids = Vec::new();
    for state in ["failed", "failed", "pending"] {
        let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
        ids.push(app.delivery_in(&token, &event, state).await["id"].as_str().unwrap().to_owned());
    }
    let browser = app.browser(Role::IntegrationManager).await;
    let back = format!("{LOG}?state=failed");
    let picked = ids.iter().map(|id| format!("&id={id}")).collect::<String>();
    let question = page(
        &browser,
        &format!("{LOG}/redeliver?back=%2Fintegration%2Fdeliveries%3Fstate%3Dfailed{picked}"),
    )
    .await;
    let asked = words(&question);
    assert!(
        asked.contains("Redeliver 2 events?") && asked.contains("1 delivery can't be redelivered."),
        "{asked}"
    );
    let form =
        [("ids[]", ids[0].as_str()), ("ids[]", &ids[1]), ("ids[]", &ids[2]), ("back", &back)];
    let sent = browser.post("/rpc/service_hooks/rpc/deliveries/redeliver_many", &form).await;
    assert_eq!((sent.status().as_u16(), location(&sent)), (303, back.as_str()));
    let read = words(&page(&browser, &back).await);
    assert!(read.contains("Redelivering 2 events. 1 was left out"), "{read}");
    receiver.wait_for(5).await;
    // An empty selection sends nothing, and the URL cannot redirect to another site.
    let read =
        words(&page(&browser, &format!("{LOG}/redeliver?back=https%3A%2F%2Fevil.example")).await);
    assert!(read.contains("No deliveries selected") && !read.contains("evil"), "{read}");
    receiver.release();
}

async fn searching_payloads_requires_the_permission(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    for role in [Role::Developer, Role::Auditor] {
        let browser = app.browser(role).await;
        let text = page(&browser, LOG).await;
        assert!(!text.contains("name=\"text\"") && !text.contains("name=\"id\""), "{}", role.key());
        assert_eq!(browser.get(&format!("{LOG}?text=John")).await.status(), StatusCode::FORBIDDEN);
    }
    let browser = app.browser(Role::IntegrationManager).await;
    let text = page(&browser, &format!("{LOG}?text=%3Cscript%3Ealert(1)%3C%2Fscript%3E")).await;
    assert!(!text.contains("<script>alert"), "the input is escaped");
}

async fn undelivered_events_are_grouped(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let browser = app.browser(Role::Administrator).await;
    assert!(
        page(&browser, "/integration/undelivered").await.contains("Everything has been delivered.")
    );
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    receiver.reply([Reply::status(500), Reply::status(429)]);
    for _ in 0..2 {
        let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
        app.delivery_in(&token, &event, "failed").await;
    }
    let text = page(&browser, "/integration/undelivered").await;
    assert!(words(&text).contains("2 undelivered events in 1 hook"), "{}", words(&text));
    let log = format!("/integration/hooks/{hook}/deliveries?state=undelivered&amp;answer=4xx");
    assert!(text.contains(&log), "{text}");
    assert_eq!(shown(&page(&browser, &log.replace("&amp;", "&")).await).len(), 1);
    let recover =
        format!("/integration/hooks/{hook}/recover?since=exact&amp;failed=true&amp;answer=5xx");
    assert!(text.contains(&recover), "{text}");
    let auditor = app.browser(Role::Auditor).await;
    let read = page(&auditor, "/integration/undelivered").await;
    assert!(!read.contains("/recover") && !read.contains("/dismiss?"), "{read}");
}
