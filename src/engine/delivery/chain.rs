//! Explains why a receiver's certificate chain was rejected, in a sentence that says what to fix.
//! The verifier in `tls` has decided already: this reads the certificates only to distinguish
//! causes for which rustls has one error. The sentences are stored in `detail` and
//! `view::words::failure` matches them: their bytes must not change.

use rustls::{CertificateError, pki_types::CertificateDer};
use webpki::EndEntityCert;

use crate::domain::time::Timestamp;

/// Maximum number of subject alternative names that are quoted, and characters per name.
const MAX_NAMES: usize = 4;
const MAX_NAME_CHARS: usize = 64;

/// DER object identifiers in a distinguished name: common name and organisation.
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
const ORGANISATION: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x0a];
/// DER object identifier `caIssuers`: the URL of the issuer's certificate. Public authorities put
/// it into every certificate, so a leaf that has it usually needs an intermediate.
const CA_ISSUERS: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];

/// Why the chain was rejected.
pub fn describe_rejection(
    error: &CertificateError,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> String {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("certificate expired on {}", day(not_after.as_secs()))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("certificate not valid yet: it is valid from {}", day(not_before.as_secs()))
        }
        CertificateError::NotValidForNameContext { presented, .. } => wrong_name(presented),
        // `BadSignature`: an authority of the same name is trusted, but it did not sign this
        // certificate. The operator of the receiver has to do the same about both.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            unknown_issuer(leaf, intermediates)
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate not meant for servers".to_owned()
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) if is_self_signed(leaf) => {
                "self-signed certificate, and marked as an authority's".to_owned()
            }
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "an authority's certificate, not a server's".to_owned()
            }
            Some(webpki::Error::UnsupportedCertVersion) => {
                "certificate of an old kind: X.509 version 1 instead of 3".to_owned()
            }
            _ => error.to_string(),
        },
        _ => error.to_string(),
    }
}

fn day(seconds: u64) -> String {
    Timestamp(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)).readable()
}

/// `presented` has entries like `DnsName("example.org")`.
fn wrong_name(presented: &[String]) -> String {
    let host_name = |name: &String| {
        let name =
            name.split_once('(').map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(')'));
        printable(name.trim_matches('"'))
    };
    match presented {
        [] => "certificate names no host: it has no subject alternative name".to_owned(),
        names => {
            let shown = names.iter().take(MAX_NAMES).map(host_name).collect::<Vec<_>>().join(", ");
            let more = if names.len() > MAX_NAMES { " and others" } else { "" };
            format!("certificate not valid for this name: it is for {shown}{more}")
        }
    }
}

/// The issuer is not trusted here, or the receiver did not send an intermediate certificate.
fn unknown_issuer(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> String {
    if is_self_signed(leaf) {
        return "self-signed certificate".to_owned();
    }
    if let Some(root) = intermediates.iter().find(|certificate| is_self_signed(certificate)) {
        return format!(
            "unknown authority: the chain ends at {}, which is not trusted here",
            issuer(root)
        );
    }
    match intermediates.last() {
        Some(last) => format!("unknown issuer {}", issuer(last)),
        None if contains(leaf, CA_ISSUERS) => {
            format!("incomplete chain: the intermediate certificate {} was not sent", issuer(leaf))
        }
        None => {
            format!("unknown issuer {}, and no intermediate certificate was sent", issuer(leaf))
        }
    }
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_ok_and(|parsed| parsed.subject() == parsed.issuer())
}

/// The issuer's common name or organisation, in quotation marks.
fn issuer(certificate: &CertificateDer<'_>) -> String {
    let named = EndEntityCert::try_from(certificate).ok().and_then(|parsed| {
        attribute(parsed.issuer(), COMMON_NAME).or_else(|| attribute(parsed.issuer(), ORGANISATION))
    });
    format!("\"{}\"", named.unwrap_or_else(|| "without a name".to_owned()))
}

/// The text value after an attribute's identifier. DER layout: a tag, a length of one byte, and
/// that many bytes.
fn attribute(name: &[u8], identifier: &[u8]) -> Option<String> {
    let at =
        name.windows(identifier.len()).position(|window| window == identifier)? + identifier.len();
    let length = usize::from(*name.get(at + 1)?);
    Some(printable(&String::from_utf8_lossy(name.get(at + 2..at + 2 + length)?)))
}

fn contains(certificate: &CertificateDer<'_>, bytes: &[u8]) -> bool {
    certificate.windows(bytes.len()).any(|window| window == bytes)
}

/// Untrusted text, shortened and without control characters.
fn printable(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(MAX_NAME_CHARS).collect()
}
