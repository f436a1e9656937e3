//! What a failed TLS handshake means.

use super::{Diagnosis, says};

/// Words of `engine::delivery::tls` and `chain`, and the diagnosis for them. The first match wins.
const FLAWS: &[(&[&str], &str, &str)] = &[
    (
        &["notvalidyet", "not valid yet"],
        "The receiver's certificate is not valid yet.",
        "Check that the certificate's dates and the clock of this server are correct.",
    ),
    (
        &["names no host"],
        "The receiver's certificate has no subject alternative name (SAN). The common name alone \
         is no longer accepted.",
        "Get a certificate with the host of the callback URL as a SAN.",
    ),
    (
        &["not valid for", "notvalidforname"],
        "The receiver's certificate is for a different host name.",
        "Use the certificate's host name in the callback URL, or get a certificate for this one.",
    ),
    (
        &["not meant for servers"],
        "The receiver's certificate is not a server certificate.",
        "Get a certificate whose extended key usage includes server authentication.",
    ),
    (
        &["expired"],
        "The receiver's certificate has expired.",
        "Renew the certificate at the receiver.",
    ),
    (
        &["revoked"],
        "The receiver's certificate has been revoked.",
        "Get a new certificate for the receiver.",
    ),
    (
        &["plain http"],
        "The port speaks plain HTTP, but the callback URL starts with https.",
        "Use the receiver's HTTPS port, or set up TLS on this one.",
    ),
    (
        &["corrupt message", "invalidcontenttype", "does not speak tls"],
        "The port doesn't speak TLS.",
        "Check the port in the callback URL. It may be a plain HTTP port.",
    ),
    (
        &["certificaterequired", "certificate required", "client certificate"],
        "The receiver requires a client certificate, which is not supported.",
        "Configure the receiver to check the API key and the signature instead.",
    ),
    (
        &["host name (tls alert)"],
        "The receiver has no certificate for this host name.",
        "Check that the host in the callback URL is correct and that the receiver has a \
         certificate for it.",
    ),
    (
        &["incompatible", "handshakefailure", "protocolversion"],
        "The receiver doesn't support TLS 1.2 or later with a secure cipher.",
        "Enable TLS 1.2 or 1.3 with a current cipher suite at the receiver.",
    ),
    (
        &["connection ended"],
        "The receiver closed the connection during the TLS handshake.",
        "Check that the port in the callback URL is correct and that no firewall blocks TLS.",
    ),
];

/// Words of flaws that concern the certificate's issuer.
const OF_ISSUER: &[&str] = &[
    "self-signed",
    "authority's certificate, not",
    "unknown authority",
    "unknownissuer",
    "unknown issuer",
    "incomplete chain",
    "version 1",
];

/// `detail` is in lower case.
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

/// Certificates without a chain to a trusted CA, and obsolete ones.
fn of_issuer(detail: &str) -> Diagnosis {
    let has = |word: &str| detail.contains(word);
    if has("self-signed") && has("authority's") {
        says(
            "The receiver's certificate is a self-signed CA certificate, not a server certificate.",
            "Get a server certificate from a certificate authority (CA), for example Let's \
             Encrypt. Adding this one to the trust store won't help.",
        )
    } else if has("self-signed") {
        says(
            "The receiver's certificate is self-signed.",
            "Get a certificate from a certificate authority (CA), or add this one to this server's \
             trust store and restart service-hooks.",
        )
    } else if has("not a server's") {
        says(
            "The receiver uses a CA certificate as its server certificate.",
            "Use a certificate that the CA issued for the receiver's host name.",
        )
    } else if has("version 1") {
        says(
            "The receiver's certificate is an X.509 version 1 certificate, which is no longer \
             accepted.",
            "Create a version 3 certificate with a subject alternative name (SAN).",
        )
    } else if has("incomplete chain") {
        says(
            "The receiver doesn't send its intermediate certificate.",
            "Configure the receiver to send the whole chain. The file is often called \
             fullchain.pem.",
        )
    } else if has("unknown authority") {
        says(
            "The receiver's certificate is from a CA that this server doesn't trust.",
            "If it is your own CA, add its certificate to this server's trust store and restart \
             service-hooks.",
        )
    } else {
        says(
            "The receiver's certificate has an unknown issuer, or its chain is incomplete.",
            "Configure the receiver to send the whole chain. If it is your own CA, add its \
             certificate to this server's trust store and restart service-hooks.",
        )
    }
}
