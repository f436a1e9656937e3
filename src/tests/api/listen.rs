//! `service-hooks listen`, with the real binary: what a web page, a foreign sender and a genuine
//! one can print in a developer's terminal.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStderr, ChildStdout},
};

use serde_json::Value;
use service_hooks::engine::{clock::Clock, delivery::signing, dispatcher::MAX_BODY};

use crate::support::{binary, db::TestDb};

const KEY: &str = "the-key-of-listen";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Would set colours, clear and rename a terminal, reverse text and start a new line.
const STEERS: &str = "\u{1b}]0;x\u{7}\u{9b}2J\u{7f}\u{202e}\u{2066}\u{feff}";

/// A running `listen`, with its output.
struct Listen {
    child: Child,
    address: SocketAddr,
    said: BufReader<ChildStderr>,
    shown: BufReader<ChildStdout>,
    _db: TestDb,
}

impl Listen {
    fn start(arguments: &[&str]) -> Self {
        let db = TestDb::sqlite();
        let all = [&["listen", "--port", "0", "--api-key", KEY], arguments].concat();
        let mut child = binary::command(&db.settings(), &all).spawn().unwrap();
        let (said, shown) = (child.stderr.take().unwrap(), child.stdout.take().unwrap());
        let (mut said, shown) = (BufReader::new(said), BufReader::new(shown));
        let begin = line(&mut said);
        let address = begin
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split('/').next())
            .unwrap()
            .parse()
            .unwrap();
        Self { child, address, said, shown, _db: db }
    }

    fn deliver(&self, key: &str, different: &[(&str, &str)], body: &[u8]) -> u16 {
        deliver(self.address, key, different, body)
    }

    /// This many lines of its output.
    fn shown(&mut self, lines: usize) -> String {
        (0..lines).map(|_| line(&mut self.shown)).collect()
    }

    /// Its output until it ends.
    fn rest(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut rest = String::new();
        self.shown.read_to_string(&mut rest).unwrap();
        self.said.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Listen {
    fn drop(&mut self) {
        // It may have ended already.
        let _dead = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The status of the response to a head and a body.
fn send(address: SocketAddr, head: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
    let mut request = format!("{head}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("Content-Length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&[request.as_bytes(), body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// A delivery with this key; `different` replaces headers.
fn deliver(address: SocketAddr, key: &str, different: &[(&str, &str)], body: &[u8]) -> u16 {
    let usual = [("Host", "localhost"), ("Content-Type", "application/json"), ("x-api-key", key)];
    let is_usual = |(name, _): &&(&str, &str)| {
        !different.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    };
    let headers: Vec<_> = usual.iter().filter(is_usual).chain(different).copied().collect();
    send(address, "POST /in HTTP/1.1", &headers, body)
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    assert!(line.ends_with('\n'), "it ended: {line:?}");
    line
}

/// Only printable characters and line breaks.
fn is_plain(text: &str) -> bool {
    !text.chars().any(|letter| {
        letter.is_control() && letter != '\n' || STEERS[1..].contains(letter) && letter > '~'
    })
}

#[test]
fn a_delivery_cannot_inject_terminal_control_characters() {
    let mut listen = Listen::start(&[]);
    let body = serde_json::json!({"a": STEERS, "n": 1}).to_string();
    let id = [("webhook-id", "msg_1"), ("x-service-hook-event", "work_item.closed")];
    assert_eq!(listen.deliver(KEY, &id, body.as_bytes()), 200);
    let shown = listen.shown(6);
    assert!(
        shown.starts_with("work_item.closed  id msg_1  key good  signature not checked\n{\n"),
        "{shown:?}"
    );
    assert!(
        shown.contains("\\u{9b}2J") && shown.contains("\\u{202e}") && is_plain(&shown),
        "{shown:?}"
    );
    // A body that is not JSON cannot add a line that looks like another delivery.
    let body = format!("{STEERS}\nwork_item.closed  id msg_9  key good  signature good\n");
    assert_eq!(listen.deliver(KEY, &[], body.as_bytes()), 200);
    let shown = listen.shown(3);
    assert!(
        is_plain(&shown)
            && shown.contains("\\nwork_item.closed  id msg_9")
            && shown.ends_with("\n\n"),
        "{shown:?}"
    );
    // Headers contain arbitrary text too.
    assert_eq!(listen.deliver(KEY, &[("webhook-id", &"\u{9b}2J ".repeat(200))], b"{}"), 200);
    let shown = listen.shown(3);
    assert!(is_plain(&shown) && shown.len() < 1000, "{shown:?}");
    assert!(listen.rest().is_empty());
}

#[test]
fn json_output_has_no_control_characters() {
    let mut listen = Listen::start(&["--json"]);
    let body = serde_json::json!({"a": STEERS, "n": 1});
    assert_eq!(listen.deliver(KEY, &[], body.to_string().as_bytes()), 200);
    let shown = listen.shown(1);
    assert!(is_plain(&shown), "{shown:?}");
    let value: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&value["body"], &value["raw"]), (&body, &body.to_string().into()), "{shown}");
    assert_eq!(listen.deliver("wrong", &[], b"{\"secret\":\"of a stranger\"}"), 401);
    let shown = listen.shown(1);
    let value: Value = serde_json::from_str(&shown).unwrap();
    assert!(
        value["api_key"] == "WRONG" && value.get("body").is_none() && !shown.contains("stranger"),
        "{shown}"
    );
}

#[test]
fn nothing_of_a_body_is_shown_without_the_key_and_the_signature() {
    let mut listen = Listen::start(&["--secret", SECRET]);
    let (body, now) = (b"{\"text\":\"of a stranger\"}", Clock::System.now().seconds());
    let secret = signing::secret_bytes(SECRET).unwrap();
    let (good, bad) =
        (signing::sign(&secret, "msg_1", now, body), signing::sign(&secret, "msg_2", now, body));
    let timestamp = now.to_string();
    let rows = [
        ("wrong", &good, "key WRONG  signature good", 401),
        (KEY, &bad, "key good  signature WRONG", 401),
        (KEY, &good, "key good  signature good", 200),
    ];
    for (key, signature, words, status) in rows {
        let headers = [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", &timestamp),
            ("webhook-signature", signature),
        ];
        assert_eq!(listen.deliver(key, &headers, body), status, "{words}");
        let shown = listen.shown(if status == 200 { 5 } else { 3 });
        assert!(shown.contains(words) && shown.contains("stranger") == (status == 200), "{shown}");
    }
    let rest = listen.rest();
    assert!(!rest.contains("stranger"), "{rest}");
}

#[test]
fn requests_other_than_deliveries_are_rejected_and_reported() {
    let mut listen = Listen::start(&[]);
    let body = b"{\"text\":\"of a stranger\"}";
    // A form, a `fetch` without preflight, a page whose name resolves to this computer, and
    // requests that are not deliveries.
    let rows: &[(&[(&str, &str)], u16)] = &[
        (&[("Origin", "https://evil.example"), ("Content-Type", "text/plain")], 403),
        (&[("Origin", "null")], 403),
        (&[("Sec-Fetch-Site", "cross-site")], 403),
        (&[("Host", "evil.example:4000")], 403),
        (&[("Content-Type", "text/plain")], 415),
        (&[("Content-Type", "application/x-www-form-urlencoded")], 415),
    ];
    for (headers, status) in rows {
        assert_eq!(listen.deliver(KEY, headers, body), *status, "{headers:?}");
        let said = line(&mut listen.said);
        assert!(
            said.contains(&status.to_string()) && is_plain(&said) && !said.contains("evil"),
            "{said}"
        );
    }
    for method in ["GET", "OPTIONS", "PUT"] {
        let head = format!("{method} / HTTP/1.1\r\nHost: localhost\r\nx-api-key: {KEY}");
        assert_eq!(send(listen.address, &head, &[("Content-Type", "application/json")], body), 405);
        assert!(line(&mut listen.said).contains("405"));
    }
    let rest = listen.rest();
    assert!(rest.is_empty(), "{rest}");
}

#[test]
fn a_body_may_be_as_large_as_a_deliverys_but_not_larger() {
    let mut listen = Listen::start(&["--json"]);
    let body = |size: usize| format!("\"{}\"", "a".repeat(size - 2));
    let address = listen.address;
    // It responds after it printed the body, which is larger than the pipe.
    let sender = std::thread::spawn(move || deliver(address, KEY, &[], body(MAX_BODY).as_bytes()));
    let value: Value = serde_json::from_str(&listen.shown(1)).unwrap();
    assert_eq!(sender.join().unwrap(), 200);
    assert_eq!(value["raw"], body(MAX_BODY).as_str());
    assert_eq!(listen.deliver(KEY, &[], body(MAX_BODY + 1).as_bytes()), 413);
    let rest = listen.rest();
    assert!(rest.lines().count() == 1 && rest.contains("413") && !rest.contains("aaa"), "{rest}");
}
