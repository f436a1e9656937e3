//! What an answer means and what to do about it: one catalogue for whoever looks at a delivery, on
//! a page or through the API. Every failure there can be has an entry, and the last of them fits
//! whatever is new.

mod tls;

use super::delivery::Answer;

/// Two sentences for people: what happened, and what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    pub what: &'static str,
    pub next: &'static str,
}

impl Answer {
    /// What it means and what to do about it, as far as the answer alone says it.
    pub fn advice(self) -> String {
        diagnose(self, None).both()
    }
}

impl Diagnosis {
    /// Both in a row; of what went well the first is enough.
    pub fn both(self) -> String {
        if self.next == NOTHING {
            self.what.to_owned()
        } else {
            format!("{} {}", self.what, self.next)
        }
    }
}

const NOTHING: &str = "Nothing to do.";

const fn says(what: &'static str, next: &'static str) -> Diagnosis {
    Diagnosis { what, next }
}

/// What an attempt's answer and its detail mean.
pub fn diagnose(answer: Answer, detail: Option<&str>) -> Diagnosis {
    let detail = detail.unwrap_or_default().to_ascii_lowercase();
    match answer {
        Answer::Status(status) => of_status(status),
        Answer::Timeout => of_timeout(&detail),
        Answer::ConnectFailed => of_connect(&detail),
        Answer::TlsFailed => tls::diagnose(&detail),
        Answer::DnsFailed => of_dns(&detail),
        Answer::AddressRefused => says(
            "The host is at an address that is not dialled: private, loopback, link-local or \
             metadata.",
            "Use a public address, or let an operator allow the range with \
             SERVICE_HOOKS_EGRESS__ALLOW_CIDRS.",
        ),
        Answer::BrokenAnswer => of_broken(&detail),
        Answer::OwnTrouble => of_own_trouble(&detail),
    }
}

fn of_dns(detail: &str) -> Diagnosis {
    if detail.contains("servfail") {
        says(
            "The name servers of this domain have a fault (SERVFAIL).",
            "The domain's owner should check its name servers and its DNSSEC signatures.",
        )
    } else if detail.contains("in time") {
        says(
            "The name servers of this domain did not answer in time.",
            "The domain's owner should check that its name servers run and can be reached.",
        )
    } else if detail.contains("no address record") {
        says(
            "The host name exists, but has no address.",
            "Add an A or AAAA record for it, or use another name in the callback URL.",
        )
    } else {
        says(
            "The host name does not resolve.",
            "Check its spelling in the callback URL, and that its DNS record exists for the \
             public.",
        )
    }
}

fn of_broken(detail: &str) -> Diagnosis {
    if detail.contains("speaks tls") {
        says(
            "The port expects TLS, and the callback URL begins with http.",
            "Change the callback URL to https.",
        )
    } else if detail.contains("too large") {
        says(
            "The headers of the receiver's answer are too large.",
            "Let it answer with fewer or shorter headers: at most 256, and 128 KiB together.",
        )
    } else if detail.contains("not a proper http answer") {
        says(
            "The receiver answered with something that is not proper HTTP.",
            "Check that the port speaks HTTP/1.1. The detail of the attempt says what was wrong.",
        )
    } else if detail.contains("in the middle") {
        says(
            "The receiver closed the connection in the middle of its answer.",
            "See whether it, or a proxy before it, crashed or was restarted at this time.",
        )
    } else {
        says(
            "The receiver closed the connection without an answer.",
            "See whether it crashed at this time, and whether the port is the one that speaks \
             HTTP.",
        )
    }
}

fn of_own_trouble(detail: &str) -> Diagnosis {
    if detail.contains("refused the question") {
        says(
            "The name server of this machine refuses its questions.",
            "An operator should check /etc/resolv.conf and whom that name server answers. Sending \
             resumes by itself.",
        )
    } else if detail.contains("name server") || detail.contains("looked up") {
        says(
            "The name server of this machine does not answer.",
            "An operator should check /etc/resolv.conf and the network. Sending resumes by itself.",
        )
    } else if detail.contains("descriptor") {
        says(
            "This machine has no file descriptors left.",
            "An operator should raise the limit of open files (LimitNOFILE, ulimit -n). Sending \
             resumes by itself.",
        )
    } else if detail.contains("local port") {
        says(
            "This machine has no local ports left for connections.",
            "An operator should look for the program that uses them, or widen \
             net.ipv4.ip_local_port_range.",
        )
    } else {
        says(
            "This machine has no memory left for connections.",
            "An operator should look at what uses it. Sending resumes by itself.",
        )
    }
}

fn of_status(status: u16) -> Diagnosis {
    match status {
        200..300 => says("The receiver accepted the event.", NOTHING),
        304 => says(
            "The receiver answered Not Modified, which makes no sense for a POST.",
            "A cache may stand in between: let it pass POST requests through.",
        ),
        300..400 => says(
            "The receiver answered with a redirect. It is not followed, because the key would \
             travel with it.",
            "Change the callback URL to the place it points to: the answer's location header names \
             it.",
        ),
        400..500 => of_refusal(status),
        500 => says(
            "The receiver failed while handling the event.",
            "Look at its log for this time and event id.",
        ),
        501 => says(
            "The receiver does not know how to handle this.",
            "Check that the callback URL leads to the right program.",
        ),
        502 => says(
            "A proxy before the receiver got no proper answer from it.",
            "See whether the program behind the proxy runs and listens where the proxy looks for \
             it.",
        ),
        503 => says(
            "The receiver is not available at present: overloaded, or being maintained.",
            "If it lasts, look at the receiver. What was given up can be sent again.",
        ),
        504 => says(
            "A proxy before the receiver waited for it in vain.",
            "Let the receiver store the event and answer 2xx at once, and do the work afterwards.",
        ),
        520..531 => says(
            "A proxy of a network provider could not reach the receiver.",
            "Look at the provider's console, and whether the receiver lets the provider in.",
        ),
        505..520 | 531..600 => {
            says("The receiver failed.", "Look at its log for this time and event id.")
        }
        _ => says(
            "The receiver answered with a status that HTTP does not define.",
            "Check that the port speaks HTTP.",
        ),
    }
}

fn of_refusal(status: u16) -> Diagnosis {
    match status {
        400 | 422 => says(
            "The receiver does not accept this body.",
            "Its answer may say why. Compare the body with the schema, and what the receiver \
             expects with both.",
        ),
        401 => says(
            "The receiver does not know the key.",
            "Compare the API key of this hook with the one the receiver expects, and where it \
             expects it: x-api-key.",
        ),
        403 => says(
            "The receiver forbids it: the key lacks a right there, or a firewall refuses this \
             sender.",
            "Check the key's rights at the receiver and any list of allowed addresses.",
        ),
        404 => {
            says("The receiver has nothing at this path.", "Check the path of the callback URL.")
        }
        405 => says(
            "The receiver does not take POST at this path.",
            "Check the path, and that its route accepts POST.",
        ),
        406 | 415 => says(
            "The receiver does not take JSON here.",
            "It must accept the content type application/json.",
        ),
        408 => says(
            "The receiver waited too long for the request.",
            "A slow network or a proxy in between most likely.",
        ),
        407 | 511 => says(
            "A proxy in between wants to know who is there.",
            "The receiver must be reachable without signing in to a proxy.",
        ),
        409 => says(
            "The receiver says it has this already, or is busy with it.",
            "Let it answer 2xx to an event it knows: the same webhook-id is the same event.",
        ),
        410 => says(
            "The receiver says it is gone for good. The hook was switched off.",
            "Enter the new URL and switch the hook on again; what was missed can be recovered.",
        ),
        413 => says(
            "The receiver finds the body too large.",
            "Raise its limit, or that of the proxy before it.",
        ),
        429 => says(
            "The receiver asks to be called less often. The portal waits as long as it asks.",
            "Set a rate for this hook in its settings, or raise the limit at the receiver.",
        ),
        431 => says(
            "The receiver finds the headers too large.",
            "Raise its limit, or use a shorter API key.",
        ),
        _ => says("The receiver does not accept this request.", "Its answer may say why."),
    }
}

fn of_timeout(detail: &str) -> Diagnosis {
    if detail.contains("looked up") {
        says(
            "Its name was still being looked up when the time was over.",
            "An operator should look at the name servers.",
        )
    } else if detail.contains("handshake") {
        says(
            "The TLS handshake was not finished in time.",
            "The receiver, or what stands before it, is overloaded or does not speak TLS on this \
             port.",
        )
    } else if detail.contains("connect") {
        says(
            "Nobody answered the attempt to connect: packets get lost on the way.",
            "A firewall most likely drops them. Let the receiver accept connections from this \
             portal.",
        )
    } else {
        says(
            "The receiver took the request and did not answer in time.",
            "Let it store the event and answer 2xx at once, and do the work afterwards.",
        )
    }
}

fn of_connect(detail: &str) -> Diagnosis {
    if detail.contains("refused") {
        says(
            "Nothing listens at this host and port.",
            "Check that the receiver runs, and the port of the callback URL.",
        )
    } else if detail.contains("unreachable") {
        says(
            "There is no way through the network to this host.",
            "Check its address, and the routes of this machine.",
        )
    } else if detail.contains("reset") {
        says(
            "The connection was cut as soon as it was made.",
            "A firewall or a proxy does that, or a program that crashes at once.",
        )
    } else {
        says(
            "No connection could be made.",
            "Check that the receiver runs and that host, port and firewall are right.",
        )
    }
}

/// The words that belong to a status, where they help: `503 Service Unavailable`.
pub fn status_words(status: u16) -> Option<&'static str> {
    Some(match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_answer_is_explained_and_the_catalogue_is_rich() {
        let mut known = BTreeSet::new();
        for status in 0..1000 {
            let diagnosis = diagnose(Answer::Status(status), None);
            assert!(diagnosis.what.ends_with('.') && diagnosis.next.ends_with('.'), "{status}");
            known.insert(diagnosis.what);
        }
        let details = [
            (
                Answer::Timeout,
                vec![
                    "while the name was looked up",
                    "while connecting",
                    "during the TLS handshake",
                    "while waiting for the answer",
                ],
            ),
            (
                Answer::ConnectFailed,
                vec!["connection refused", "network unreachable", "connection reset", ""],
            ),
            (
                Answer::TlsFailed,
                vec![
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
                    "the port speaks plain HTTP",
                    "the receiver does not know this host name (TLS alert)",
                    "the connection ended during the TLS handshake: unexpected end of file",
                    "",
                ],
            ),
            (
                Answer::DnsFailed,
                vec![
                    "the name does not resolve: it does not exist (NXDOMAIN)",
                    "the name does not resolve: it has no address record (A or AAAA)",
                    "the domain's name servers failed (SERVFAIL)",
                    "the domain's name servers did not answer in time",
                ],
            ),
            (Answer::AddressRefused, vec![""]),
            (
                Answer::BrokenAnswer,
                vec![
                    "the port speaks TLS",
                    "not a proper HTTP answer: message head is too large",
                    "not a proper HTTP answer: invalid HTTP version parsed",
                    "the receiver closed the connection in the middle of its answer",
                    "the receiver closed the connection without an answer",
                ],
            ),
            (
                Answer::OwnTrouble,
                vec![
                    "this machine's name server refused the question (REFUSED)",
                    "this machine's name server did not answer in time",
                    "this process has no file descriptor left (EMFILE)",
                    "this machine has no local port left (EADDRNOTAVAIL)",
                    "this machine has no memory left for a connection (ENOMEM)",
                ],
            ),
        ];
        for (answer, details) in details {
            let said: BTreeSet<_> =
                details.iter().map(|detail| diagnose(answer, Some(detail)).what).collect();
            assert_eq!(said.len(), details.len(), "{answer:?}: {said:?}");
            known.extend(said);
        }
        assert!(known.len() >= 40, "{} failures are told apart", known.len());
    }
}
