//! What is wrong with a receiver's TLS, and what to do about it.

use super::{Diagnosis, says};

/// What is wrong, by words of `engine::delivery::tls` and `chain`, and what to do. The first that
/// fits counts.
const FLAWS: &[(&[&str], &str, &str)] = &[
    (
        &["notvalidyet", "not valid yet"],
        "The receiver's certificate is not valid yet.",
        "Check the dates of the receiver's certificate, and the clock of this machine.",
    ),
    (
        &["names no host"],
        "The receiver's certificate names its host in the common name only, which is no longer \
         accepted.",
        "Get a certificate whose subject alternative name (SAN) has the host of the callback URL.",
    ),
    (
        &["not valid for", "notvalidforname"],
        "The receiver's certificate is for another name.",
        "Use the name it was issued for, or a certificate for this one.",
    ),
    (&["expired"], "The receiver's certificate has expired.", "Renew it at the receiver."),
    (&["revoked"], "The receiver's certificate was revoked.", "Get a new one."),
    (
        &["plain http"],
        "The port answers in plain HTTP, and the callback URL begins with https.",
        "Use the receiver's port for https, or put TLS in front of it.",
    ),
    (
        &["corrupt message", "invalidcontenttype", "does not speak tls"],
        "The port does not speak TLS.",
        "Check the port of the callback URL: plain HTTP may be spoken there.",
    ),
    (
        &["certificaterequired", "certificate required", "client certificate"],
        "The receiver wants a client certificate.",
        "The portal has none: let the receiver check the key and the signature.",
    ),
    (
        &["host name (tls alert)"],
        "The receiver has no certificate for this host name.",
        "Check the host in the callback URL, and that the receiver is configured for it.",
    ),
    (
        &["incompatible", "handshakefailure", "protocolversion"],
        "The receiver speaks no TLS that is safe.",
        "It must speak TLS 1.2 or 1.3 with a current cipher.",
    ),
    (
        &["connection ended"],
        "The receiver closed the connection during the TLS handshake.",
        "Check the port: plain HTTP may be spoken there, or a firewall may cut TLS.",
    ),
];

/// Words of flaws that have to do with who issued the certificate.
const OF_ISSUER: &[&str] = &[
    "self-signed",
    "authority's certificate, not",
    "unknown authority",
    "unknownissuer",
    "unknown issuer",
    "incomplete chain",
    "version 1",
];

/// What a handshake that failed means.
pub(super) fn diagnose(detail: &str) -> Diagnosis {
    let has = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    if has(OF_ISSUER) {
        return of_issuer(detail);
    }
    match FLAWS.iter().find(|(words, ..)| has(words)) {
        Some((_, what, next)) => says(what, next),
        None => says(
            "The TLS handshake failed.",
            "Check the receiver's certificate: its name, dates and chain.",
        ),
    }
}

/// Certificates that do not lead to an authority that is known here, or that no rule of today lets
/// pass.
fn of_issuer(detail: &str) -> Diagnosis {
    let has = |word: &str| detail.contains(word);
    if has("self-signed") && has("authority's") {
        says(
            "The receiver's certificate is self-signed, and made for an authority instead of a \
             server.",
            "Trusting it on this machine does not help. Get one from an authority, such as a free \
             one from Let's Encrypt.",
        )
    } else if has("self-signed") {
        says(
            "The receiver's certificate is self-signed.",
            "Get one from an authority; or install it on this machine as trusted and restart the \
             portal.",
        )
    } else if has("not a server's") {
        says(
            "The receiver shows an authority's certificate as its own.",
            "Let it use a certificate that the authority issued for its host name.",
        )
    } else if has("version 1") {
        says(
            "The receiver's certificate is of an old kind (X.509 version 1), which is no longer \
             accepted.",
            "Make a new one of version 3 with a subject alternative name (SAN).",
        )
    } else if has("incomplete chain") {
        says(
            "The receiver does not send its intermediate certificate.",
            "Let it send the whole chain: the file is often called fullchain.pem.",
        )
    } else if has("unknown authority") {
        says(
            "The receiver's certificate comes from an authority that is not trusted here.",
            "If it is your own authority, install its certificate on this machine and restart the \
             portal.",
        )
    } else {
        says(
            "The receiver's certificate comes from an issuer that is not known here, or its chain \
             is incomplete.",
            "Let the receiver send the whole chain; of an authority of your own, install the \
             certificate on this machine and restart the portal.",
        )
    }
}
