//! What the pages say about a redelivery while it is held, while it is pending, and afterwards.

use serde_json::json;
use service_hooks::domain::permission::Role;

use super::log::{page, start, words};
use crate::support::{app::location, db::TestDb, on_both, receiver::Reply, within};

on_both!(a_redelivery_after_a_success_is_never_called_a_failure);

async fn a_redelivery_after_a_success_is_never_called_a_failure(db: TestDb) {
    let (app, receiver, token) = start(db).await;
    let (hook, id) = app.hook_that_delivered(&token, &receiver).await;
    let switch = async |enabled: bool| {
        let (status, changed) = app
            .api(&token, "PATCH", &format!("/hooks/{hook}"), Some(json!({"enabled": enabled})))
            .await;
        assert_eq!(status, 200, "{changed}");
    };
    switch(false).await;
    let browser = app.browser(Role::Administrator).await;
    let own = format!("/integration/hooks/{hook}/deliveries/{id}");
    let sent = browser.post("/rpc/service_hooks/rpc/deliveries/redeliver", &[("id", &id)]).await;
    assert_eq!(location(&sent), own);
    let read = words(&page(&browser, &own).await);
    for said in [
        "Redelivery queued. The hook is off: the event is held until the hook is turned on.",
        "Held after 1 attempt: the hook is off.",
        "Turn the hook on",
    ] {
        assert!(read.contains(said), "{said}: {read}");
    }
    // The receiver keeps the second attempt waiting, so the delivery is open with a success.
    receiver.reply([Reply::held()]);
    switch(true).await;
    let reads = async |said: &str| {
        within(10, said, async || {
            let read = words(&page(&browser, &own).await);
            read.contains(said).then_some(read)
        })
        .await
    };
    let read = reads("Redelivery pending. Attempt 2 is queued or running.").await;
    assert!(read.contains("The redelivery is due.") && !read.contains("failed: 200"), "{read}");
    receiver.release();
    reads("Succeeded after 2 attempts: 200 OK").await;
    app.assert_balanced().await;
}
