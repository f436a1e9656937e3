//! Recovery in a browser without scripts: select, count, start, pause, cancel.

use serde_json::json;
use service_hooks::domain::{event::EventType, permission::Role};

use super::log::{page, start, words};
use crate::support::{app::location, db::TestDb, eventually, on_both};

on_both!(
    a_recovery_is_previewed_and_can_be_paused_and_cancelled,
    an_invalid_selection_is_explained,
    a_recovery_of_all_hooks_can_be_filtered,
);

const BEGIN: &str = "/rpc/service_hooks/rpc/jobs/begin_recover";
const MOVE: &str = "/rpc/service_hooks/rpc/jobs/move_job";

async fn a_recovery_is_previewed_and_can_be_paused_and_cancelled(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let switch = async |enabled: bool| {
        let (status, changed) = app
            .api(&token, "PATCH", &format!("/hooks/{hook}"), Some(json!({"enabled": enabled})))
            .await;
        assert_eq!(status, 200, "{changed}");
    };
    switch(false).await;
    for _ in 0..4 {
        app.emit_sample(&token, EventType::WorkItemClosed).await;
    }
    switch(true).await;
    let browser = app.browser(Role::IntegrationManager).await;
    let recover = format!("/integration/hooks/{hook}/recover");
    let first = page(&browser, &recover).await;
    assert!(
        words(&first).contains("Since it was turned off")
            && first.contains("class=\"primary\">Redeliver 4 events"),
        "{first}"
    );
    let counted =
        page(&browser, &format!("{recover}?since=off&skipped=true&failed=true&pace=1")).await;
    let read = words(&counted);
    assert!(
        read.contains("4 events to redeliver")
            && read.contains("At 1 per second this takes about 4 s."),
        "{read}"
    );
    // The acceptance times, as a chart and as a table, from the oldest to the newest.
    assert!(
        read.contains("Oldest:") && read.contains("By hour") && read.contains("Show as table"),
        "{read}"
    );
    assert!(counted.contains("aria-label=\"Deliveries by hour of acceptance"), "{counted}");
    let others = counted.matches("data-label=\"Other\"").count();
    assert!(
        (1..=2).contains(&others),
        "four events at one moment, possibly across an hour boundary: {counted}"
    );
    // The preview sent nothing.
    assert!(receiver.came().is_empty());
    let hidden = |name: &str| {
        let after = counted.split(&format!("name=\"form[{name}]\" value=\"")).nth(1);
        after.map(|rest| rest.split('"').next().unwrap().to_owned()).unwrap_or_default()
    };
    assert_eq!(hidden("since"), "exact", "the job has the range of the preview");
    let (from, to) = (hidden("from"), hidden("to"));
    let form = [
        ("id", hook.as_str()),
        ("form[since]", "exact"),
        ("form[from]", &from),
        ("form[to]", &to),
        ("form[skipped]", "true"),
        ("form[pace]", "1"),
    ];
    let begun = browser.post(BEGIN, &form).await;
    let job = location(&begun).to_owned();
    assert!(job.starts_with("/integration/jobs/"), "{job}");
    let id = job.rsplit('/').next().unwrap();
    let text = page(&browser, &job).await;
    assert!(
        text.contains("role=\"progressbar\"") && text.contains("aria-valuemax=\"4\""),
        "{text}"
    );
    let moved = browser.post(MOVE, &[("id", id), ("state", "paused")]).await;
    assert_eq!(location(&moved), job);
    let read = words(&page(&browser, &job).await);
    assert!(read.contains("Job paused.") && read.contains("Resume"), "{read}");
    browser.post(MOVE, &[("id", id), ("state", "running")]).await;
    eventually("one is sent", async || (!receiver.came().is_empty()).then_some(())).await;
    browser.post(MOVE, &[("id", id), ("state", "cancelled")]).await;
    let text = page(&browser, &job).await;
    assert!(words(&text).contains("Job cancelled.") && !text.contains("move_job"), "{text}");
    let late = browser.post(MOVE, &[("id", id), ("state", "paused")]).await;
    assert_eq!(location(&late), job, "a late button also redirects back");
    assert!(words(&page(&browser, &job).await).contains("can't change to paused"));
    let jobs = page(&app.browser(Role::Auditor).await, "/integration/jobs").await;
    assert!(words(&jobs).contains("Cancelled") && !jobs.contains("move_job"), "{jobs}");
    app.assert_balanced().await;
}

async fn an_invalid_selection_is_explained(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let browser = app.browser(Role::Administrator).await;
    let recover = format!("/integration/hooks/{hook}/recover");
    for (query, message) in [
        ("since=24h&pace=5", "Choose at least one status."),
        ("since=ever&failed=true", "Choose a time range."),
        ("since=24h&failed=true&pace=many", "Enter a whole number"),
        ("since=24h&failed=true&pace=100000", "must be between 1 and 1000"),
        ("since=exact&from=soon&failed=true", "Enter a date and time"),
    ] {
        let text = page(&browser, &format!("{recover}?{query}")).await;
        assert!(
            text.contains("There is a problem") && words(&text).contains(message),
            "{query}: {}",
            words(&text)
        );
    }
    let none = words(&page(&browser, &format!("{recover}?since=1h&failed=true")).await);
    assert!(
        none.contains("Nothing to redeliver") && !none.contains("events to redeliver"),
        "{none}"
    );
    // Posting it anyway starts nothing and explains why.
    let refused = browser.post(BEGIN, &[("id", &hook), ("form[since]", "24h")]).await;
    assert_eq!(location(&refused), format!("{recover}?since=24h"));
    assert!(page(&browser, "/integration/jobs").await.contains("No jobs yet."));
}

async fn a_recovery_of_all_hooks_can_be_filtered(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let first = app.hook(&token, EventType::WorkItemClosed, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.hook(&token, EventType::OutboundCallInitiated, &receiver).await;
    receiver.reply([
        crate::support::receiver::Reply::status(500),
        crate::support::receiver::Reply::status(404),
    ]);
    for event_type in [EventType::WorkItemClosed, EventType::OutboundCallInitiated] {
        let event = app.emit_sample(&token, event_type).await;
        app.delivery_in(&token, &event, "failed").await;
    }
    let browser = app.browser(Role::Administrator).await;
    let log = page(&browser, "/integration/deliveries?state=failed").await;
    let all = super::log::link(&log, "Redeliver all 2 matching events").unwrap();
    assert_eq!(all, "/integration/deliveries/recover?failed=true&since=exact");
    assert!(words(&page(&browser, &all).await).contains("2 events to redeliver"));
    let some = words(&page(&browser, &format!("{all}&answer=5xx")).await);
    assert!(some.contains("1 event to redeliver") && some.contains("5xx server error"), "{some}");
    let form = [
        ("form[since]", "exact"),
        ("form[failed]", "true"),
        ("form[answer]", "5xx"),
        ("form[pace]", "50"),
    ];
    let job = browser.post(BEGIN, &form).await;
    let job = location(&job).to_owned();
    eventually("the job is done", async || {
        words(&page(&browser, &job).await)
            .contains("1 event redelivered and delivered.")
            .then_some(())
    })
    .await;
    let came = receiver.wait_for(3).await;
    assert_eq!(came[2].header("x-service-hook-event"), "work_item.closed", "{first}");
}
