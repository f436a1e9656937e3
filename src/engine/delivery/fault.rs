//! Why there is no answer: what the network, TLS or the receiver did, as an [`Answer`] and in
//! words. What this machine lacks (descriptors, memory, ports, name servers) is told apart from
//! what the receiver did.

use std::{error::Error as StdError, io};

use super::{
    exhausted::exhausted,
    lookup::LookupError,
    tls::{self, Learned},
    wire::Line,
};
use crate::domain::delivery::Answer;

/// The first byte of a TLS record that holds an alert.
const TLS_ALERT: u8 = 0x15;

/// An attempt without an answer, and what more can be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub answer: Answer,
    pub detail: String,
}

impl Fault {
    pub fn new(answer: Answer, detail: impl Into<String>) -> Self {
        Self { answer, detail: detail.into() }
    }

    pub fn lookup(error: LookupError) -> Self {
        let answer = match error {
            LookupError::PrivateName | LookupError::Refused { .. } => Answer::AddressRefused,
            _ if error.is_ours() => Answer::OwnTrouble,
            _ => Answer::DnsFailed,
        };
        Self::new(answer, error.to_string())
    }

    pub fn connect(error: &io::Error) -> Self {
        match exhausted(error) {
            Some(what) => Self::new(Answer::OwnTrouble, what),
            None if error.kind() == io::ErrorKind::TimedOut => {
                Self::new(Answer::Timeout, "while connecting")
            }
            None => Self::new(Answer::ConnectFailed, error.kind().to_string()),
        }
    }

    pub fn handshake(error: &io::Error, learned: &Learned, line: &Line) -> Self {
        match exhausted(error) {
            Some(what) => Self::new(Answer::OwnTrouble, what),
            None => Self::new(Answer::TlsFailed, tls::explain(error, learned, line.first_byte())),
        }
    }

    /// The connection was there and no answer came of it.
    pub fn exchange(error: &hyper::Error, learned: &Learned, line: &Line) -> Self {
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<io::Error>() {
                if tls::cause(io).is_some() || (learned.wants_certificate && !line.has_answered()) {
                    return Self::new(
                        Answer::TlsFailed,
                        tls::explain(io, learned, line.first_byte()),
                    );
                }
                return match exhausted(io) {
                    // What `wire` says of too much before the answer.
                    None if io.kind() == io::ErrorKind::FileTooLarge => Self::new(
                        Answer::BrokenAnswer,
                        "not a proper HTTP answer: too large before its status",
                    ),
                    Some(what) => Self::new(Answer::OwnTrouble, what),
                    None => {
                        Self::new(Answer::BrokenAnswer, format!("{} before the answer", io.kind()))
                    }
                };
            }
            cause = inner.source();
        }
        if learned.wants_certificate && !line.has_answered() {
            return Self::new(Answer::TlsFailed, tls::WANTS_CERTIFICATE);
        }
        let detail = match () {
            () if error.is_parse() && line.first_byte() == Some(TLS_ALERT) => {
                "the port speaks TLS".to_owned()
            }
            () if error.is_parse() => format!("not a proper HTTP answer: {error}"),
            () if line.has_answered() => {
                "the receiver closed the connection in the middle of its answer".to_owned()
            }
            () => "the receiver closed the connection without an answer".to_owned(),
        };
        Self::new(Answer::BrokenAnswer, detail)
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn what_this_machine_lacks_is_not_the_receivers_fault() {
        let of = |errno: Errno| Fault::connect(&errno.into());
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::ADDRNOTAVAIL]
        {
            let fault = of(errno);
            assert!(
                fault.answer == Answer::OwnTrouble && fault.detail.starts_with("this "),
                "{errno}: {fault:?}"
            );
        }
        assert_eq!(of(Errno::CONNREFUSED), Fault::new(Answer::ConnectFailed, "connection refused"));
        assert_eq!(of(Errno::NETUNREACH), Fault::new(Answer::ConnectFailed, "network unreachable"));
        assert_eq!(of(Errno::TIMEDOUT), Fault::new(Answer::Timeout, "while connecting"));
    }

    #[test]
    fn a_name_that_cannot_be_asked_for_is_our_trouble_and_one_that_is_missing_is_not() {
        let rows = [
            (LookupError::NotFound, Answer::DnsFailed),
            (LookupError::NoAddress, Answer::DnsFailed),
            (LookupError::ServerFailed, Answer::DnsFailed),
            (LookupError::Silent, Answer::DnsFailed),
            (LookupError::ServerRefused, Answer::OwnTrouble),
            (LookupError::TimedOut, Answer::OwnTrouble),
            (LookupError::Unreachable, Answer::OwnTrouble),
            (LookupError::PrivateName, Answer::AddressRefused),
        ];
        for (error, answer) in rows {
            assert_eq!(Fault::lookup(error).answer, answer, "{error}");
        }
    }
}
