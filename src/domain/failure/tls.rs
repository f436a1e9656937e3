//! What is wrong with a receiver's TLS, and what to do about it.

use super::{Diagnosis, says};

/// What a handshake that failed means, by the words of `engine::delivery::tls` and `chain`.
pub(super) fn diagnose(detail: &str) -> Diagnosis {
    let has = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    if has(&["self-signed", "authority's certificate, not", "unknown authority", "unknownissuer", "unknown issuer"])
        || has(&["incomplete chain", "version 1"])
    {
        of_issuer(detail)
    } else if has(&["notvalidyet", "not valid yet"]) {
        says(
            "The receiver's certificate is not valid yet.",
            "Check the dates of the receiver's certificate, and the clock of this machine.",
        )
    } else if has(&["names no host"]) {
        says(
            "The receiver's certificate names its host in the common name only, which is no longer accepted.",
            "Get a certificate whose subject alternative name (SAN) has the host of the callback URL.",
        )
    } else if has(&["not valid for", "notvalidforname"]) {
        says(
            "The receiver's certificate is for another name.",
            "Use the name it was issued for, or a certificate for this one.",
        )
    } else if has(&["expired"]) {
        says("The receiver's certificate has expired.", "Renew it at the receiver.")
    } else if has(&["revoked"]) {
        says("The receiver's certificate was revoked.", "Get a new one.")
    } else if has(&["plain http"]) {
        says(
            "The port answers in plain HTTP, and the callback URL begins with https.",
            "Use the receiver's port for https, or put TLS in front of it.",
        )
    } else if has(&["corrupt message", "invalidcontenttype", "does not speak tls"]) {
        says("The port does not speak TLS.", "Check the port of the callback URL: plain HTTP may be spoken there.")
    } else if has(&["certificaterequired", "certificate required", "client certificate"]) {
        says(
            "The receiver wants a client certificate.",
            "The portal has none: let the receiver check the key and the signature.",
        )
    } else if has(&["host name (tls alert)"]) {
        says(
            "The receiver has no certificate for this host name.",
            "Check the host in the callback URL, and that the receiver is configured for it.",
        )
    } else if has(&["incompatible", "handshakefailure", "protocolversion"]) {
        says("The receiver speaks no TLS that is safe.", "It must speak TLS 1.2 or 1.3 with a current cipher.")
    } else if has(&["connection ended"]) {
        says(
            "The receiver closed the connection during the TLS handshake.",
            "Check the port: plain HTTP may be spoken there, or a firewall may cut TLS.",
        )
    } else {
        says("The TLS handshake failed.", "Check the receiver's certificate: its name, dates and chain.")
    }
}

/// Certificates that do not lead to an authority that is known here, or that no rule of today lets pass.
fn of_issuer(detail: &str) -> Diagnosis {
    let has = |word: &str| detail.contains(word);
    if has("self-signed") && has("authority's") {
        says(
            "The receiver's certificate is self-signed, and made for an authority instead of a server.",
            "Trusting it on this machine does not help. Get one from an authority, such as a free one from Let's Encrypt.",
        )
    } else if has("self-signed") {
        says(
            "The receiver's certificate is self-signed.",
            "Get one from an authority; or install it on this machine as trusted and restart the portal.",
        )
    } else if has("not a server's") {
        says(
            "The receiver shows an authority's certificate as its own.",
            "Let it use a certificate that the authority issued for its host name.",
        )
    } else if has("version 1") {
        says(
            "The receiver's certificate is of an old kind (X.509 version 1), which is no longer accepted.",
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
            "If it is your own authority, install its certificate on this machine and restart the portal.",
        )
    } else {
        says(
            "The receiver's certificate comes from an issuer that is not known here, or its chain is incomplete.",
            "Let the receiver send the whole chain; of an authority of your own, install the certificate on this machine and restart the portal.",
        )
    }
}
