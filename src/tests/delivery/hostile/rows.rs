//! Behaviours of hostile receivers, and the recorded class of each.

use super::server::{Conduct, gzip_bomb};

const OK: &str = "HTTP/1.1 200 OK\r\n";
const INTERIM: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// Name, behaviour, and recorded class.
pub type Row = (&'static str, Conduct, &'static str);

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

pub fn ok(rest: &str) -> Vec<u8> {
    bytes(&format!("{OK}{rest}"))
}

/// Receivers that use their whole timeout.
pub fn slow() -> Vec<Row> {
    vec![
        ("silence", Conduct::Silence, "timeout"),
        ("a dripping head", Conduct::Drip(ok("x: "), bytes("x")), "timeout"),
        ("endless 100 Continue", Conduct::Drip(Vec::new(), bytes(INTERIM)), "timeout"),
        (
            "a dripping body",
            Conduct::Drip(ok("content-length: 9999\r\n\r\n"), bytes("x")),
            "success",
        ),
        (
            "chunks that drip",
            Conduct::Drip(ok("transfer-encoding: chunked\r\n\r\n"), bytes("1\r\nx\r\n")),
            "success",
        ),
    ]
}

pub fn endless_body() -> Vec<Row> {
    vec![("an endless body", Conduct::Flood(ok("\r\n"), vec![0; 16 * 1024]), "success")]
}

pub fn other_bodies() -> Vec<Row> {
    let chunked = |rest: &str| ok(&format!("transfer-encoding: chunked\r\n\r\n{rest}"));
    let mut bomb = ok("content-encoding: gzip\r\n\r\n");
    bomb.extend(gzip_bomb());
    let trailers = bytes(&"x: y\r\n".repeat(99));
    vec![
        (
            "10 GB",
            Conduct::Flood(ok("content-length: 10000000000\r\n\r\n"), vec![0; 16 * 1024]),
            "success",
        ),
        ("a gzip bomb", Conduct::HangUp(bomb), "success"),
        (
            "chunks without end",
            Conduct::Flood(chunked(""), bytes(&"9\r\n123456789\r\n".repeat(99))),
            "success",
        ),
        ("an endless chunk extension", Conduct::Flood(chunked("1;"), vec![b'x'; 4096]), "success"),
        ("endless trailers", Conduct::Flood(chunked("0\r\n"), trailers), "success"),
        ("a broken chunk", Conduct::HangUp(chunked("ZZZ\r\n")), "success"),
        ("less than promised", Conduct::HangUp(ok("content-length: 100\r\n\r\nx")), "success"),
    ]
}

pub fn endless_head() -> Vec<Row> {
    vec![("an endless header", Conduct::Flood(ok("x: "), vec![b'x'; 16 * 1024]), "broken_answer")]
}

pub fn other_heads() -> Vec<Row> {
    let many = (0..10_000).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    let long = "y".repeat(1 << 20);
    let hang_up = |answer: Vec<u8>| Conduct::HangUp(answer);
    vec![
        ("10,000 headers", hang_up(ok(&format!("{many}\r\n"))), "broken_answer"),
        ("a header of 1 MB", hang_up(ok(&format!("x: {long}\r\n\r\n"))), "broken_answer"),
        ("HTTP/0.9", hang_up(bytes("<html>hello</html>")), "broken_answer"),
        (
            "status 999",
            hang_up(bytes("HTTP/1.1 999 Whatever\r\ncontent-length: 0\r\n\r\n")),
            "unexpected_status",
        ),
        (
            "status 1000",
            hang_up(bytes("HTTP/1.1 1000 Many\r\ncontent-length: 0\r\n\r\n")),
            "broken_answer",
        ),
        ("NUL in a header", hang_up(ok("x: a\0b\r\ncontent-length: 0\r\n\r\n")), "broken_answer"),
        (
            "two lengths",
            hang_up(ok("content-length: 1\r\ncontent-length: 2\r\n\r\nx")),
            "broken_answer",
        ),
        ("nothing at all", hang_up(Vec::new()), "broken_answer"),
    ]
}

/// One of 64 sends interim responses as fast as possible, and is disconnected; the others, which
/// are silent, still end at their deadline.
pub fn one_flood() -> Vec<Row> {
    let interim = bytes(&INTERIM.repeat(99));
    let mut rows: Vec<Row> =
        vec![("silence beside a flood", Conduct::Silence, "timeout"); super::PARALLEL];
    rows[0] = (
        "100 Continue as fast as it is taken",
        Conduct::Flood(Vec::new(), interim),
        "broken_answer",
    );
    rows
}
