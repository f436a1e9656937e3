//! What is wrong with a receiver's certificates, in words that say what to do. The verifier has
//! decided by then; this only looks at what was sent to tell apart what it calls by one name.

use rustls::{CertificateError, pki_types::CertificateDer};
use webpki::EndEntityCert;

use crate::domain::time::Timestamp;

/// Names of a certificate that are repeated, and letters of each.
const NAMES: usize = 4;
const LETTERS: usize = 64;

/// An attribute of a name in DER: its common name and its organisation.
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
const ORGANISATION: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x0a];
/// `caIssuers`: where the issuer's own certificate can be fetched. Public authorities put it into
/// all they issue.
const CA_ISSUERS: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];

/// Why the certificates were refused. `domain::failure` knows these words.
pub fn flaw(
    error: &CertificateError,
    leaf: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
) -> String {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("certificate expired on {}", day(not_after.as_secs()))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("certificate not valid yet: it is valid from {}", day(not_before.as_secs()))
        }
        CertificateError::NotValidForNameContext { presented, .. } => wrong_name(presented),
        // An authority of the same name is trusted, and did not sign this: to its receiver that is
        // the same.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            unknown_issuer(leaf, others)
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

/// `presented` is of the form `DnsName("example.org")`.
fn wrong_name(presented: &[String]) -> String {
    let inner = |name: &String| {
        let name =
            name.split_once('(').map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(')'));
        printable(name.trim_matches('"'))
    };
    match presented {
        [] => "certificate names no host: it has no subject alternative name".to_owned(),
        names => {
            let shown = names.iter().take(NAMES).map(inner).collect::<Vec<_>>().join(", ");
            let more = if names.len() > NAMES { " and others" } else { "" };
            format!("certificate not valid for this name: it is for {shown}{more}")
        }
    }
}

/// Who issued the certificate is not known here, or is known and was not sent.
fn unknown_issuer(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> String {
    if is_self_signed(leaf) {
        return "self-signed certificate".to_owned();
    }
    if let Some(root) = others.iter().find(|certificate| is_self_signed(certificate)) {
        return format!(
            "unknown authority: the chain ends at {}, which is not trusted here",
            issuer(root)
        );
    }
    match others.last() {
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

/// The issuer's name, in quotation marks.
fn issuer(certificate: &CertificateDer<'_>) -> String {
    let named = EndEntityCert::try_from(certificate).ok().and_then(|parsed| {
        attribute(parsed.issuer(), COMMON_NAME).or_else(|| attribute(parsed.issuer(), ORGANISATION))
    });
    format!("\"{}\"", named.unwrap_or_else(|| "without a name".to_owned()))
}

/// The value that follows an attribute's identifier: a tag, a length of one byte, and as many bytes
/// of text.
fn attribute(name: &[u8], identifier: &[u8]) -> Option<String> {
    let at =
        name.windows(identifier.len()).position(|window| window == identifier)? + identifier.len();
    let length = usize::from(*name.get(at + 1)?);
    Some(printable(&String::from_utf8_lossy(name.get(at + 2..at + 2 + length)?)))
}

fn contains(certificate: &CertificateDer<'_>, bytes: &[u8]) -> bool {
    certificate.windows(bytes.len()).any(|window| window == bytes)
}

/// What somebody else wrote, short and without control characters.
fn printable(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(LETTERS).collect()
}
