//! The headers of a delivery, in words: the event pages and the description of the API show the
//! same list. What is really sent is `engine::delivery::attempt`'s business; a test compares the
//! two.

/// A header that travels with every delivery, or only with tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub name: &'static str,
    /// What a value looks like.
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
        "The body is JSON, exactly as the contact centre wrote it.",
    ),
    header(
        "x-api-key",
        "the hook's API key",
        "Tells the receiver that it is us. Compare it in constant time.",
    ),
    header(
        "x-service-hook-event",
        "the event's key",
        "Which event it is, for a receiver that takes several.",
    ),
    header(
        "webhook-id",
        "0192f0c1-…",
        "The event's id, the same on every retry: what was seen before can be dropped.",
    ),
    header("webhook-timestamp", "1732287600", "When this attempt was made, in seconds since 1970."),
    header(
        "webhook-signature",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        "Standard Webhooks: HMAC-SHA256 over id.timestamp.body with the hook's signing secret. \
         There may be several, with spaces between.",
    ),
    header("user-agent", "service-hooks/0.1.0", "This program and its version."),
    Header {
        name: "x-service-hook-test",
        example: "true",
        meaning: "Only on tests that somebody sent from the portal.",
        only_tests: true,
    },
];
