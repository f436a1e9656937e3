//! Every class of failure, with the details that `engine::delivery` stores.

use std::collections::BTreeSet;

use super::*;

/// Details that must have different diagnoses, by class.
const DETAILS: &[(Answer, &[&str])] = &[
    (
        Answer::Timeout,
        &[
            "while the name was looked up",
            "while connecting",
            "during the TLS handshake",
            "while waiting for the answer",
        ],
    ),
    (Answer::ConnectFailed, &["connection refused", "network unreachable", "connection reset", ""]),
    (
        Answer::TlsFailed,
        &[
            "invalid peer certificate: certificate expired: verification time 1",
            "invalid peer certificate: certificate not valid for name \"a\"",
            "invalid peer certificate: NotValidYet",
            "invalid peer certificate: UnknownIssuer",
            "invalid peer certificate: Revoked",
            "received corrupt message of type InvalidContentType",
            "received fatal alert: HandshakeFailure",
            "received fatal alert: CertificateRequired",
            "self-signed certificate",
            "self-signed certificate, and marked as an authority's",
            "an authority's certificate, not a server's",
            "certificate of an old kind: X.509 version 1 instead of 3",
            "incomplete chain: the intermediate certificate \"X\" was not sent",
            "unknown authority: the chain ends at \"X\", which is not trusted here",
            "certificate names no host: it has no subject alternative name",
            "certificate not meant for servers",
            "the port speaks plain HTTP",
            "the receiver does not know this host name (TLS alert)",
            "the connection ended during the TLS handshake: unexpected end of file",
            "",
        ],
    ),
    (
        Answer::DnsFailed,
        &[
            "the name does not resolve: it does not exist (NXDOMAIN)",
            "the name does not resolve: it has no address record (A or AAAA)",
            "the domain's name servers failed (SERVFAIL)",
            "the domain's name servers did not answer in time",
        ],
    ),
    (
        Answer::AddressRefused,
        &["", "Enter a URL that starts with https://. This server doesn't allow plain HTTP."],
    ),
    (
        Answer::InvalidResponse,
        &[
            "the port speaks TLS",
            "not a proper HTTP answer: message head is too large",
            "not a proper HTTP answer: invalid HTTP version parsed",
            "the receiver closed the connection in the middle of its answer",
            "the receiver closed the connection without an answer",
        ],
    ),
    (
        Answer::LocalFailure,
        &[
            "this machine's name server refused the question (REFUSED)",
            "this machine's name server did not answer in time",
            "this process has no file descriptor left (EMFILE)",
            "this machine has no local port left (EADDRNOTAVAIL)",
            "this machine has no memory left for a connection (ENOMEM)",
            "this machine has no buffer left for a connection (ENOBUFS)",
            "",
        ],
    ),
];

#[test]
fn an_unknown_local_failure_gets_no_specific_diagnosis() {
    assert_eq!(
        diagnose(Answer::LocalFailure, Some("something new")).what,
        "This server can't open connections."
    );
    assert!(advice(Answer::LocalFailure).contains("Ask an operator to check the server log."));
}

#[test]
fn no_detail_is_shown_in_the_words_of_the_store() {
    for (answer, details) in DETAILS {
        for fact in details.iter().filter_map(|detail| fact(*answer, detail)) {
            assert!(fact.ends_with('.') && !fact.ends_with(".."), "{fact}");
            for word in ["answer", "question", "authority", "this machine", "proper"] {
                assert!(!fact.contains(word), "{fact}");
            }
        }
    }
}

#[test]
fn every_answer_has_a_diagnosis_of_its_own() {
    let mut known = BTreeSet::new();
    for status in 0..1000 {
        let diagnosis = diagnose(Answer::Status(status), None);
        let is_success = (200..300).contains(&status);
        assert!(diagnosis.what.ends_with('.'), "{status}");
        assert_eq!(diagnosis.next.ends_with('.'), !is_success, "{status}");
        known.insert(diagnosis.what);
    }
    for (answer, details) in DETAILS {
        let different: BTreeSet<_> =
            details.iter().map(|detail| diagnose(*answer, Some(detail)).what).collect();
        assert_eq!(different.len(), details.len(), "{answer:?}: {different:?}");
        known.extend(different);
    }
    assert!(known.len() >= 40, "{} diagnoses", known.len());
}
