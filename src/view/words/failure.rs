//! What the result of an attempt means and what to do next: one catalogue for pages and API. Start
//! at [`diagnose`]. HTTP statuses are in `status`, failed TLS handshakes in `tls`, failures of this
//! server in `local`; what a detail adds to a diagnosis in `fact`. Imports `domain` only.
//!
//! The detail of an attempt is a sentence of `engine::delivery`, stored with the attempt. The
//! catalogue matches substrings of it: keep both sides in sync. An unknown detail gets the general
//! diagnosis of its class.

mod fact;
mod local;
mod status;
mod tls;

pub use fact::fact;
pub use status::status_words;

use crate::domain::delivery::Answer;

/// What happened, and what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    pub what: &'static str,
    /// Empty when there is nothing to do.
    pub next: &'static str,
}

impl Diagnosis {
    /// Both sentences.
    pub fn both(self) -> String {
        if self.next.is_empty() {
            self.what.to_owned()
        } else {
            format!("{} {}", self.what, self.next)
        }
    }
}

const fn says(what: &'static str, next: &'static str) -> Diagnosis {
    Diagnosis { what, next }
}

/// The diagnosis of an answer without its detail, as text.
pub fn advice(answer: Answer) -> String {
    diagnose(answer, None).both()
}

/// What an attempt's answer and its detail mean.
pub fn diagnose(answer: Answer, detail: Option<&str>) -> Diagnosis {
    let detail = detail.unwrap_or_default().to_ascii_lowercase();
    match answer {
        Answer::Status(status) => status::diagnose(status),
        Answer::Timeout => of_timeout(&detail),
        Answer::ConnectFailed => of_connect(&detail),
        Answer::TlsFailed => tls::diagnose(&detail),
        Answer::DnsFailed => of_dns(&detail),
        Answer::AddressRefused if detail.contains("plain http") => says(
            "The callback URL starts with http. This server doesn't allow plain HTTP.",
            "Use an https URL, or ask an operator to set SERVICE_HOOKS_EGRESS__ALLOW_HTTP.",
        ),
        Answer::AddressRefused => says(
            "The address of this host is not allowed: it is private, loopback, link-local or a \
             cloud metadata service.",
            "Use a public address, or ask an operator to allow the range in \
             SERVICE_HOOKS_EGRESS__ALLOW_CIDRS.",
        ),
        Answer::InvalidResponse => of_broken(&detail),
        Answer::LocalFailure => local::diagnose(&detail),
    }
}

fn of_dns(detail: &str) -> Diagnosis {
    if detail.contains("servfail") {
        says(
            "The domain's name servers returned SERVFAIL.",
            "Ask the domain's owner to check the name servers and the DNSSEC signatures.",
        )
    } else if detail.contains("in time") {
        says(
            "The domain's name servers didn't respond in time.",
            "Ask the domain's owner to check that the name servers are running and reachable.",
        )
    } else if detail.contains("no address record") {
        says(
            "The host name exists but has no IP address.",
            "Add an A or AAAA record, or use another host in the callback URL.",
        )
    } else {
        says(
            "The host name can't be resolved.",
            "Check the spelling in the callback URL. The name must have a public DNS record.",
        )
    }
}

fn of_broken(detail: &str) -> Diagnosis {
    if detail.contains("speaks tls") {
        says(
            "The port expects TLS, but the callback URL starts with http.",
            "Change the callback URL to https.",
        )
    } else if detail.contains("too large") {
        says(
            "The response headers are too large.",
            "Send fewer or shorter response headers: at most 256, and 128 KiB in total.",
        )
    } else if detail.contains("not a proper http answer") {
        says("The response is not valid HTTP.", "Check that the port speaks HTTP/1.1.")
    } else if detail.contains("in the middle") {
        says(
            "The receiver closed the connection before the response was complete.",
            "Check whether the receiver or a proxy crashed or restarted at this time.",
        )
    } else {
        says(
            "The receiver closed the connection without a response.",
            "Check whether the receiver crashed at this time and whether the port speaks HTTP.",
        )
    }
}

fn of_timeout(detail: &str) -> Diagnosis {
    if detail.contains("looked up") {
        says("The DNS lookup timed out.", "Ask an operator to check this server's name servers.")
    } else if detail.contains("handshake") {
        says(
            "The TLS handshake timed out.",
            "The receiver or a proxy is overloaded, or the port doesn't speak TLS.",
        )
    } else if detail.contains("connect") {
        says(
            "The connection timed out: the host didn't respond.",
            "A firewall probably drops the packets. Allow connections from this server.",
        )
    } else {
        says(
            "The receiver didn't respond in time.",
            "Store the event, respond with 2xx immediately, and process the event afterwards.",
        )
    }
}

fn of_connect(detail: &str) -> Diagnosis {
    if detail.contains("refused") {
        says(
            "Connection refused: nothing is listening on this host and port.",
            "Check that the receiver is running and that the port in the callback URL is correct.",
        )
    } else if detail.contains("unreachable") {
        says(
            "The host is unreachable: there is no network route to it.",
            "Check the receiver's address and the routes of this server.",
        )
    } else if detail.contains("reset") {
        says(
            "The connection was reset right after it opened.",
            "Check whether a firewall or proxy blocks it and whether the receiver crashes.",
        )
    } else {
        says(
            "Can't connect to the receiver.",
            "Check that the receiver is running, that the callback URL has the right host and \
             port, and that no firewall blocks this server.",
        )
    }
}

#[cfg(test)]
mod tests;
