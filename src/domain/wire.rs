//! The headers of a delivery, for the event pages and for `openapi.json`.
//! `engine::delivery::attempt` sends them; a test compares the two.

/// A header of every delivery, or of tests only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub name: &'static str,
    pub example: &'static str,
    pub meaning: &'static str,
    pub only_tests: bool,
}

const fn header(name: &'static str, example: &'static str, meaning: &'static str) -> Header {
    Header { name, example, meaning, only_tests: false }
}

pub const HEADERS: &[Header] = &[
    header(
        "content-type",
        "application/json",
        "The body is JSON, byte for byte as the contact centre sent it.",
    ),
    header(
        "x-api-key",
        "the hook's API key",
        "The hook's API key, so the receiver can verify the sender. Compare it in constant time.",
    ),
    header(
        "x-service-hook-event",
        "the event's key",
        "The event type, for receivers of several types.",
    ),
    header(
        "webhook-id",
        "0192f0c1-…",
        "The event's id, the same on every retry. Use it to ignore duplicates.",
    ),
    header(
        "webhook-timestamp",
        "1732287600",
        "When this attempt was sent, in seconds since 1970 (Unix time).",
    ),
    header(
        "webhook-signature",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        "Standard Webhooks: HMAC-SHA256 over id.timestamp.body with the hook's signing secret. \
         Several signatures are separated by spaces.",
    ),
    header("user-agent", "service-hooks/0.1.0", "This program and its version."),
    Header {
        name: "x-service-hook-test",
        example: "true",
        meaning: "Only on test events.",
        only_tests: true,
    },
];
