//! Responses with bytes that are not valid text: each is recorded, on both databases. An attempt
//! that could not be recorded would be repeated forever, and block its hook.

use serde_json::json;
use service_hooks::domain::event::EventType;

use super::{
    rows::ok,
    server::{Conduct, Hostile},
};
use crate::support::{app::TestApp, db::TestDb, on_both};

on_both!(responses_with_any_bytes_are_recorded);

async fn responses_with_any_bytes_are_recorded(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let hostile = Hostile::start();
    let body = json!({"name": "n", "event_type": EventType::WorkItemClosed.key(), "api_key": "k",
                      "callback_url": format!("http://{}/0", hostile.address)});
    let (_, hook) = app.api(&token, "POST", "/hooks", Some(body)).await;
    let test = format!("/hooks/{}/test", hook["id"].as_str().unwrap());
    let with =
        |head: &[u8], body: &[u8]| [&ok(""), head, b"connection: close\r\n\r\n", body].concat();
    let every_byte: Vec<u8> = (0..=255).collect();
    let answers = [
        with(b"", &every_byte),
        with(b"", &[0; 1000]),
        with(b"", &[0xff; 20_000]),
        with(b"", "\u{1f600}".repeat(10_000).as_bytes()),
        with(b"", b"\xed\xa0\x80 half a surrogate"),
        with(b"x-odd: \x80\xff\t\"\\ \r\n", b""),
        with(&[b"x-long: ".as_slice(), &[b'\xe9'; 5000], b"\r\n"].concat(), b""),
    ];
    for answer in answers {
        hostile.behave(vec![Conduct::HangUp(answer)]);
        let (status, delivery) = app.api(&token, "POST", &test, None).await;
        let attempt = &delivery["attempts"][0];
        assert_eq!((status / 100, attempt["class"].as_str()), (2, Some("success")), "{delivery}");
        assert!(
            attempt["response_body"].as_str().unwrap().len() <= 16 * 1024,
            "{}",
            attempt["response_cut"]
        );
    }
    app.assert_balanced().await;
}
