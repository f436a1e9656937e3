//! A full disk: no event is acknowledged while it is full, and everything continues automatically
//! once there is space.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use service_hooks::{
    domain::{
        delivery::State,
        permission::{Actor, Role, right},
    },
    engine::{
        catalogue::sample,
        store::{
            balance,
            deliveries::{self, Filter},
            events,
        },
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Semaphore,
};

use super::{
    tape::Tape,
    workload::{EVENT, HOOKS, Recorded},
};
use crate::support::{PATIENCE, app::PASSWORD, eventually, receiver::Receiver};

const SIGN_IN: &str = "/rpc/service_hooks/rpc/session/sign_in";

fn sample_request() -> Value {
    json!({"type": EVENT.key(), "data": serde_json::from_str::<Value>(sample(EVENT)).unwrap()})
}

/// The number of deliveries in a state.
async fn count(recorded: &Recorded, state: State) -> i64 {
    let grant = Actor::portal().require(right::SystemRead).unwrap();
    let mut conn = recorded.app.running.portal.store().read().await.unwrap();
    balance::read(&mut conn, &grant).await.unwrap().of(state)
}

/// The status of `/readyz`, and the parts that do not work.
async fn ready(recorded: &Recorded) -> (u16, Vec<String>) {
    let answer = recorded.app.request("GET", "/readyz").send().await.unwrap();
    let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
    let said: Value = serde_json::from_str(&text).unwrap();
    let down =
        said["components"].as_array().unwrap().iter().filter(|part| part["up"] == json!(false));
    (status, down.map(|part| part["name"].as_str().unwrap().to_owned()).collect())
}

/// Several times, because a disk that is nearly full becomes full repeatedly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_acknowledges_nothing_and_recovers_without_restart() {
    let recorded = Recorded::start(Tape::default()).await;
    let browser = recorded.app.browser(Role::Developer).await;
    let mut acknowledged = Vec::new();
    for _ in 0..5 {
        acknowledged.push(recorded.emit().await.unwrap().id);
        recorded.tape.set_full(true);
        recorded.emit_and_fail().await;
        let (status, problem) =
            recorded.app.api(&recorded.token, "POST", "/events", Some(sample_request())).await;
        assert!(status == 503 || status == 507, "{status}: {problem}");
        // Between two failing commits a small one may still succeed; then the pages briefly report
        // no problem.
        eventually("the pages say that the disk is full", async || {
            recorded.emit_and_fail().await;
            let page = browser.get("/integration/hooks").await.text().await.unwrap();
            page.contains("write to the database: its disk is full.").then_some(())
        })
        .await;
        eventually("it is not ready", async || {
            recorded.emit_and_fail().await;
            (ready(&recorded).await == (503, vec!["writer".to_owned(), "disk".to_owned()]))
                .then_some(())
        })
        .await;
        let refusal = eventually("sign-in is rejected", async || {
            recorded.emit_and_fail().await;
            let form = [("email", "developer@example.org"), ("password", PASSWORD)];
            let answer = recorded.app.stranger().post(SIGN_IN, &form).await;
            (answer.status() == 503).then_some(answer)
        })
        .await;
        let page = refusal.text().await.unwrap();
        assert!(
            page.contains("The server's disk is full, so your session can't be saved"),
            "{page}"
        );
        recorded.tape.set_full(false);
        acknowledged.push(recorded.emit().await.expect("there is space again").id);
    }
    assert_eq!(ready(&recorded).await, (200, vec![]));
    let page = browser.get("/integration/hooks").await.text().await.unwrap();
    assert!(!page.contains("write to the database"), "{page}");
    let wanted = i64::try_from(acknowledged.len()).unwrap();
    eventually("everything that was accepted is delivered", async || {
        (count(&recorded, State::Delivered).await == wanted * (HOOKS - 1)).then_some(())
    })
    .await;
    let grant = Actor::portal().require(right::DeliveriesRead).unwrap();
    let mut conn = recorded.app.running.portal.store().read().await.unwrap();
    for id in acknowledged {
        assert!(events::find(&mut conn, &grant, id).await.unwrap().is_some(), "{id} is missing");
    }
    drop(conn);
    assert_eq!(count(&recorded, State::Skipped).await, wanted, "no rejected event was stored");
    recorded.app.assert_balanced().await;
    recorded.stop().await;
}

/// Responses that arrive while the disk is full are recorded as soon as there is space, and the
/// deliveries are not sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempts_result_is_recorded_once_there_is_space() {
    let recorded = Recorded::start(Tape::default()).await;
    let (asked, may_answer) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let url = patient_receiver(asked.clone(), may_answer.clone()).await;
    let hook = json!({"name": "slow", "event_type": EVENT.key(), "callback_url": url,
        "api_key": "k", "enabled": true});
    assert_eq!(recorded.app.api(&recorded.token, "POST", "/hooks", Some(hook)).await.0, 201);
    let events = [recorded.emit().await.unwrap().id, recorded.emit().await.unwrap().id];
    drop(tokio::time::timeout(PATIENCE, asked.acquire_many(2)).await.unwrap().unwrap());
    eventually("the others are done", async || {
        (count(&recorded, State::Delivered).await == 4).then_some(())
    })
    .await;
    recorded.tape.set_full(true);
    may_answer.add_permits(2);
    let refused = recorded.tape.refused();
    eventually("recording it was attempted", async || {
        (recorded.tape.refused() > refused).then_some(())
    })
    .await;
    recorded.tape.set_full(false);
    eventually("it is recorded", async || {
        (count(&recorded, State::Delivered).await == 6).then_some(())
    })
    .await;
    let grant = Actor::portal().require(right::DeliveriesRead).unwrap();
    let mut conn = recorded.app.running.portal.store().read().await.unwrap();
    for id in events {
        let filter = Filter { event: Some(id), state: Some(State::Delivered), ..Filter::default() };
        let found = deliveries::page(&mut conn, &grant, &filter, None, 10).await.unwrap();
        assert!(found.iter().all(|delivery| delivery.attempts == 1), "{found:?}");
    }
    drop(conn);
    assert_eq!(asked.available_permits(), 2, "no attempt was repeated");
    recorded.app.assert_balanced().await;
    recorded.stop().await;
}

/// With a reserve file, a full disk rejects events only: users can sign in and see the problem,
/// accepted events are delivered, and retention deletes at once. When there is space again, events
/// are accepted and the reserve is restored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_reserve_only_events_are_rejected() {
    let recorded = Recorded::start_with(Tape::default(), |settings| {
        settings.retention.every = Duration::from_secs(3600);
        (settings.retention.payloads, settings.retention.deliveries) =
            (Duration::ZERO, Duration::ZERO);
    })
    .await;
    let reserve = recorded.settings.data_dir.join("test.db.reserve");
    eventually("there is a reserve", async || reserve.exists().then_some(())).await;
    let pruned = async || recorded.app.balance().await.pruned;
    recorded.emit().await.unwrap();
    let all_sent = async || (count(&recorded, State::Pending).await == 0).then_some(());
    eventually("all is sent", all_sent).await;
    // The next scheduled retention would be in an hour.
    let before = pruned().await;
    let stranger = recorded.app.browser(Role::Developer).await;
    recorded.tape.set_full_while(Some(reserve.clone()));
    let refused = eventually("events are refused", async || {
        let (status, problem) =
            recorded.app.api(&recorded.token, "POST", "/events", Some(sample_request())).await;
        (status != 202).then_some((status, problem))
    })
    .await;
    assert_eq!(refused.0, 503, "{}", refused.1);
    assert!(
        refused.1["detail"]
            .as_str()
            .unwrap()
            .contains("The server's disk is full. Nothing was stored.")
    );
    // While the server checks for space, a write may fail.
    let browser = eventually("a user signs in", async || {
        let mut browser = recorded.app.stranger();
        let form = [("email", "developer@example.org"), ("password", PASSWORD)];
        let answer = browser.post(SIGN_IN, &form).await;
        browser.keep_cookie(&answer);
        browser.cookie.contains("sid=").then_some(browser)
    })
    .await;
    assert_ne!(browser.cookie, stranger.cookie);
    eventually("they see the problem", async || {
        let page = browser.get("/integration/hooks").await.text().await.unwrap();
        page.contains(
            "The disk is full. New events are rejected; accepted events are still delivered.",
        )
        .then_some(())
    })
    .await;
    eventually("it reports the lack of space", async || {
        (ready(&recorded).await == (503, vec!["disk".to_owned()])).then_some(())
    })
    .await;
    eventually("all is sent", all_sent).await;
    eventually("expired data is deleted", async || (pruned().await > before).then_some(())).await;
    let (status, _) =
        recorded.app.api(&recorded.token, "POST", "/events", Some(sample_request())).await;
    assert_eq!(status, 503, "still");
    recorded.tape.set_full_while(None);
    eventually("events are accepted again", async || {
        let (status, _) =
            recorded.app.api(&recorded.token, "POST", "/events", Some(sample_request())).await;
        (status == 202).then_some(())
    })
    .await;
    assert!(reserve.exists());
    eventually("it is ready", async || (ready(&recorded).await == (200, vec![])).then_some(()))
        .await;
    recorded.app.assert_balanced().await;
    recorded.stop().await;
}

/// A server that starts with almost no space rejects events at once, before they use the rest, and
/// reports it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_space_for_the_reserve_events_are_rejected_from_the_start() {
    let recorded = Recorded::start_with(Tape::default(), |settings| {
        settings.limits.reserve_bytes = u64::MAX / 4;
    })
    .await;
    eventually("it is not ready", async || {
        (ready(&recorded).await == (503, vec!["disk".to_owned()])).then_some(())
    })
    .await;
    let (status, problem) =
        recorded.app.api(&recorded.token, "POST", "/events", Some(sample_request())).await;
    let detail = problem["detail"].as_str().unwrap();
    assert!(status == 503 && detail.contains("The server's disk is full"), "{problem}");
    let browser = recorded.app.browser(Role::Administrator).await;
    let page = browser.get("/status").await.text().await.unwrap();
    assert!(page.contains("New events are rejected until"), "{page}");
    recorded.stop().await;
}

/// A test whose commit failed must not reach the receiver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_that_could_not_be_stored_is_not_sent() {
    let recorded = Recorded::start(Tape::default()).await;
    let receiver = Receiver::start().await;
    let hook = json!({"name": "n", "event_type": EVENT.key(), "callback_url": receiver.url("/in"),
        "api_key": "k", "enabled": true});
    let (status, hook) = recorded.app.api(&recorded.token, "POST", "/hooks", Some(hook)).await;
    assert_eq!(status, 201, "{hook}");
    let path = format!("/hooks/{}/test", hook["id"].as_str().unwrap());
    recorded.tape.set_full(true);
    // Between two failing commits a small one may still succeed.
    let mut sent = 0;
    for refused in 0..3 {
        loop {
            match recorded.app.api(&recorded.token, "POST", &path, Some(json!({}))).await.0 {
                200 => sent += 1,
                status => break assert!(status == 503 || status == 507, "{refused}: {status}"),
            }
        }
    }
    recorded.tape.set_full(false);
    let event = recorded.emit().await.unwrap().id.to_string();
    eventually("the event arrived", async || {
        receiver.came().iter().any(|came| came.header("webhook-id") == event).then_some(())
    })
    .await;
    assert_eq!(receiver.came().len(), sent + 1);
    recorded.app.assert_balanced().await;
    recorded.stop().await;
}

/// Reports each request, and responds when the test permits it.
async fn patient_receiver(asked: Arc<Semaphore>, may_answer: Arc<Semaphore>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (asked, may_answer) = (asked.clone(), may_answer.clone());
            tokio::spawn(async move {
                let mut buffer = [0; 16384];
                let _request = stream.read(&mut buffer).await;
                asked.add_permits(1);
                may_answer.acquire().await.unwrap().forget();
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _gone = stream.write_all(answer).await;
            });
        }
    });
    format!("http://{address}/")
}
