//! What the stored detail of an attempt adds to its diagnosis: a name, a date, an error code. The
//! stored text itself is not shown, because it is written for the catalogue and repeats the
//! diagnosis.

use crate::domain::delivery::Answer;

/// Details that add nothing to the diagnosis: the whole text or its beginning.
const WITHOUT_FACTS: &[&str] = &[
    "while ",
    "during the TLS handshake",
    "connection refused",
    "host unreachable",
    "network unreachable",
    "connection reset",
    "self-signed certificate",
    "an authority's certificate",
    "certificate of an old kind",
    "certificate names no host",
    "certificate not meant for servers",
    "the port speaks",
    "the port does not speak",
    "the receiver ",
    "the name does not resolve: it has no address record",
    "the domain's name servers ",
    "not a proper HTTP answer: too large",
    "this machine's name server ",
];

/// Beginnings of details whose rest is the fact, and what is written before it.
const BEGINNINGS: &[(&str, &str)] = &[
    ("certificate expired on ", "It expired on "),
    ("certificate not valid yet: it is valid from ", "It is valid from "),
    ("certificate not valid for this name: it is for ", "It is for "),
    ("unknown issuer ", "Issuer: "),
    ("the connection ended during the TLS handshake: ", "Error: "),
    ("incompatible: ", "Reason: "),
    ("TLS alert ", "TLS alert: "),
    ("not a proper HTTP answer: ", "Error: "),
];

/// The fact in a detail, as a sentence; `None` if the diagnosis says everything.
pub fn fact(answer: Answer, detail: &str) -> Option<String> {
    if let Some(fact) = of_name(detail).or_else(|| of_issuer(detail)) {
        return Some(fact);
    }
    // The error code of a local failure, `EMFILE`, is in parentheses.
    if let (Answer::LocalFailure, Some((_, code))) = (answer, detail.rsplit_once('(')) {
        return Some(format!("Error: {}.", code.trim_end_matches(')')));
    }
    if let Some(kind) = detail.strip_suffix(" before the answer") {
        return Some(format!("Error: {kind}."));
    }
    if let Some((rest, before)) = BEGINNINGS
        .iter()
        .find_map(|(beginning, before)| Some((detail.strip_prefix(beginning)?, before)))
    {
        return Some(format!("{before}{rest}."));
    }
    if detail.is_empty() || WITHOUT_FACTS.iter().any(|known| detail.starts_with(known)) {
        return None;
    }
    // A problem of the callback URL is a sentence already.
    Some(if detail.ends_with('.') { detail.to_owned() } else { format!("Error: {detail}.") })
}

/// Facts about the host name.
fn of_name(detail: &str) -> Option<String> {
    if detail.ends_with("(NXDOMAIN)") {
        return Some("The name doesn't exist (NXDOMAIN).".to_owned());
    }
    if detail.starts_with("the name only works inside a private network") {
        return Some("The name is only valid in a private network.".to_owned());
    }
    let (address, why) =
        detail.strip_prefix("the name resolves to ")?.split_once(", which is not allowed: ")?;
    let why = match why {
        "link-local or a cloud's metadata" => "link-local or cloud metadata",
        "a provider's own network" => "shared address space of a provider (CGNAT)",
        "a forbidden IPv4 address behind NAT64" => "blocked IPv4 address behind NAT64",
        why => why,
    };
    Some(format!("The name resolves to {address}: {why}."))
}

/// Facts about the issuer of a certificate.
fn of_issuer(detail: &str) -> Option<String> {
    let detail = detail.replace("\"without a name\"", "an unnamed issuer");
    let between = |start: &str, end: &str| {
        detail.strip_prefix(start)?.strip_suffix(end).map(|name| name.to_owned())
    };
    let root = between("unknown authority: the chain ends at ", ", which is not trusted here");
    let missing = between("incomplete chain: the intermediate certificate ", " was not sent");
    let alone = between("unknown issuer ", ", and no intermediate certificate was sent");
    root.map(|name| format!("The chain ends at {name}."))
        .or(missing.map(|name| format!("Missing certificate: {name}.")))
        .or(alone.map(|name| format!("Issuer: {name}. No intermediate certificate was sent.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer, its stored detail, and what is shown.
    const ROWS: &[(Answer, &str, Option<&str>)] = &[
        (Answer::Timeout, "while the name was looked up", None),
        (Answer::Timeout, "during the TLS handshake", None),
        (Answer::ConnectFailed, "connection refused", None),
        (Answer::ConnectFailed, "permission denied", Some("Error: permission denied.")),
        (Answer::TlsFailed, "self-signed certificate, and marked as an authority's", None),
        (Answer::TlsFailed, "certificate of an old kind: X.509 version 1 instead of 3", None),
        (
            Answer::TlsFailed,
            "certificate expired on 2021-02-03 00:00:00 UTC",
            Some("It expired on 2021-02-03 00:00:00 UTC."),
        ),
        (
            Answer::TlsFailed,
            "certificate not valid for this name: it is for a.example, b.example",
            Some("It is for a.example, b.example."),
        ),
        (
            Answer::TlsFailed,
            "unknown authority: the chain ends at \"Their CA\", which is not trusted here",
            Some("The chain ends at \"Their CA\"."),
        ),
        (
            Answer::TlsFailed,
            "unknown issuer \"without a name\", and no intermediate certificate was sent",
            Some("Issuer: an unnamed issuer. No intermediate certificate was sent."),
        ),
        (
            Answer::DnsFailed,
            "the name does not resolve: it does not exist (NXDOMAIN)",
            Some("The name doesn't exist (NXDOMAIN)."),
        ),
        (Answer::DnsFailed, "the domain's name servers failed (SERVFAIL)", None),
        (
            Answer::AddressRefused,
            "the name resolves to 169.254.1.1, which is not allowed: link-local or a cloud's \
                 metadata",
            Some("The name resolves to 169.254.1.1: link-local or cloud metadata."),
        ),
        (
            Answer::InvalidResponse,
            "not a proper HTTP answer: invalid HTTP version parsed",
            Some("Error: invalid HTTP version parsed."),
        ),
        (
            Answer::InvalidResponse,
            "connection reset before the answer",
            Some("Error: connection reset."),
        ),
        (
            Answer::LocalFailure,
            "this process has no file descriptor left (EMFILE)",
            Some("Error: EMFILE."),
        ),
        (Answer::LocalFailure, "this machine's name server cannot be reached", None),
        (
            Answer::LocalFailure,
            "this machine's name server refused the question (REFUSED)",
            Some("Error: REFUSED."),
        ),
    ];

    #[test]
    fn a_detail_is_shown_only_for_what_it_adds() {
        for (answer, detail, shown) in ROWS {
            assert_eq!(fact(*answer, detail).as_deref(), *shown, "{detail}");
        }
    }
}
