//! Sentences about test sends: what was sent and what came back.

use super::failure::status_words;
use crate::domain::{
    delivery::{Answer, Attempt},
    words::{MANY, grouped},
};

/// The button was pressed twice.
pub const SENT_BEFORE: &str = "The form was sent twice; one test was sent.";

/// `127.0.0.1 returned 204 No Content in 12 ms.`, or why there was no response.
pub fn result(attempt: &Attempt) -> String {
    let host = host_of(&attempt.url);
    let took = grouped(attempt.duration_ms);
    let detail = attempt.detail.as_deref().unwrap_or_default().to_ascii_lowercase();
    match attempt.answer {
        Answer::Status(status) => {
            let phrase = status_words(status).map(|words| format!(" {words}")).unwrap_or_default();
            format!("{host} returned {status}{phrase} in {took} ms.")
        }
        Answer::Timeout => format!("Timed out: no response from {host} after {took} ms."),
        Answer::ConnectFailed if detail.contains("refused") => {
            format!("Connection refused by {host}.")
        }
        Answer::ConnectFailed => format!("Can't connect to {host}."),
        Answer::TlsFailed => format!("TLS handshake with {host} failed."),
        Answer::DnsFailed => format!("Can't resolve {host}."),
        Answer::AddressRefused => format!("Not sent: the address of {host} is not allowed."),
        Answer::InvalidResponse => format!("Invalid or incomplete response from {host}."),
        Answer::LocalFailure => "Not sent: a problem on this server.".to_owned(),
    }
}

/// The host of a URL that was validated before, without its port.
fn host_of(url: &str) -> &str {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split(['/', '?']).next());
    let authority = authority.unwrap_or_default();
    match authority.rfind(']') {
        Some(end) => &authority[..=end],
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// The test is still in the queue.
pub const QUEUED: &str = "Waiting to be sent. Refresh in a moment.";

/// The button that sends what waits or is held; `number` is counted up to [`MANY`] and one. Turning
/// a hook on sends what it holds.
pub fn send_waiting(number: i64, is_on: bool) -> String {
    let known = if number > MANY {
        format!("more than {}", grouped(MANY))
    } else {
        format!("the {}", grouped(number))
    };
    match is_on {
        true => format!("Send {known} waiting now"),
        false => format!("Turn on and send {known} held"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{delivery::Timing, time::Timestamp};

    fn said(answer: Answer, detail: Option<&str>) -> String {
        result(&Attempt {
            number: 1,
            started_at: Timestamp(0),
            duration_ms: 12,
            answer,
            detail: detail.map(str::to_owned),
            url: "https://crm.example.org:8443/in?x=1".to_owned(),
            response_headers: Vec::new(),
            response_body: String::new(),
            response_cut: false,
            timing: Timing::default(),
            address: None,
        })
    }

    #[test]
    fn a_result_names_the_response_or_why_there_is_none() {
        assert_eq!(
            said(Answer::Status(204), None),
            "crm.example.org returned 204 No Content in 12 ms."
        );
        assert_eq!(said(Answer::Status(418), None), "crm.example.org returned 418 in 12 ms.");
        assert_eq!(
            said(Answer::ConnectFailed, Some("connection refused")),
            "Connection refused by crm.example.org."
        );
        assert_eq!(said(Answer::DnsFailed, None), "Can't resolve crm.example.org.");
    }

    #[test]
    fn the_button_says_how_many_it_sends() {
        assert_eq!(send_waiting(12, true), "Send the 12 waiting now");
        assert_eq!(send_waiting(MANY + 1, true), "Send more than 10,000 waiting now");
        assert_eq!(send_waiting(1, false), "Turn on and send the 1 held");
    }

    #[test]
    fn a_host_has_no_port_and_keeps_its_brackets() {
        assert_eq!(host_of("http://[::1]:4801/in"), "[::1]");
        assert_eq!(host_of("http://127.0.0.1:4801?x"), "127.0.0.1");
    }
}
