//! Why an attempt got no response, as an [`Answer`] and a sentence: DNS, network, TLS or HTTP. A
//! failure of this machine (file descriptors, memory, ports, name servers) becomes
//! [`Answer::LocalFailure`], because it must not count against the receiver. The sentences are
//! stored in `detail` and `view::words::failure` matches them: their bytes must not change.

use std::{error::Error as StdError, io};

use super::{
    exhausted::exhausted,
    lookup::LookupError,
    tls::{self, HandshakeFindings},
    wire::Socket,
};
use crate::domain::delivery::Answer;

/// First byte of a TLS alert record.
const TLS_ALERT: u8 = 0x15;

/// The failure of an attempt that got no status.
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
            _ if error.is_ours() => Answer::LocalFailure,
            _ => Answer::DnsFailed,
        };
        Self::new(answer, error.to_string())
    }

    pub fn connect(error: &io::Error) -> Self {
        match exhausted(error) {
            Some(what) => Self::new(Answer::LocalFailure, what),
            None if error.kind() == io::ErrorKind::TimedOut => {
                Self::new(Answer::Timeout, "while connecting")
            }
            None => Self::new(Answer::ConnectFailed, error.kind().to_string()),
        }
    }

    pub fn handshake(error: &io::Error, findings: &HandshakeFindings, socket: &Socket) -> Self {
        match exhausted(error) {
            Some(what) => Self::new(Answer::LocalFailure, what),
            None => {
                Self::new(Answer::TlsFailed, tls::explain(error, findings, socket.first_byte()))
            }
        }
    }

    /// The connection was established, but no response came over it.
    pub fn exchange(error: &hyper::Error, findings: &HandshakeFindings, socket: &Socket) -> Self {
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<io::Error>() {
                if tls::tls_error(io).is_some()
                    || (findings.wants_certificate && !socket.has_received())
                {
                    return Self::new(
                        Answer::TlsFailed,
                        tls::explain(io, findings, socket.first_byte()),
                    );
                }
                return match exhausted(io) {
                    // `wire` returns this kind when too many bytes come before the status.
                    None if io.kind() == io::ErrorKind::FileTooLarge => Self::new(
                        Answer::InvalidResponse,
                        "not a proper HTTP answer: too large before its status",
                    ),
                    Some(what) => Self::new(Answer::LocalFailure, what),
                    None => Self::new(
                        Answer::InvalidResponse,
                        format!("{} before the answer", io.kind()),
                    ),
                };
            }
            cause = inner.source();
        }
        if findings.wants_certificate && !socket.has_received() {
            return Self::new(Answer::TlsFailed, tls::WANTS_CERTIFICATE);
        }
        let detail = match () {
            () if error.is_parse() && socket.first_byte() == Some(TLS_ALERT) => {
                "the port speaks TLS".to_owned()
            }
            () if error.is_parse() => format!("not a proper HTTP answer: {error}"),
            () if socket.has_received() => {
                "the receiver closed the connection in the middle of its answer".to_owned()
            }
            () => "the receiver closed the connection without an answer".to_owned(),
        };
        Self::new(Answer::InvalidResponse, detail)
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn exhausted_local_resources_are_not_the_receivers_fault() {
        let fault_of = |errno: Errno| Fault::connect(&errno.into());
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::ADDRNOTAVAIL]
        {
            let fault = fault_of(errno);
            assert!(
                fault.answer == Answer::LocalFailure && fault.detail.starts_with("this "),
                "{errno}: {fault:?}"
            );
        }
        assert_eq!(
            fault_of(Errno::CONNREFUSED),
            Fault::new(Answer::ConnectFailed, "connection refused")
        );
        assert_eq!(
            fault_of(Errno::NETUNREACH),
            Fault::new(Answer::ConnectFailed, "network unreachable")
        );
        assert_eq!(fault_of(Errno::TIMEDOUT), Fault::new(Answer::Timeout, "while connecting"));
    }

    #[test]
    fn a_failing_name_server_is_our_trouble_and_a_missing_name_is_not() {
        let rows = [
            (LookupError::NotFound, Answer::DnsFailed),
            (LookupError::NoAddress, Answer::DnsFailed),
            (LookupError::ServerFailed, Answer::DnsFailed),
            (LookupError::NoResponse, Answer::DnsFailed),
            (LookupError::ServerRefused, Answer::LocalFailure),
            (LookupError::TimedOut, Answer::LocalFailure),
            (LookupError::Unreachable, Answer::LocalFailure),
            (LookupError::PrivateName, Answer::AddressRefused),
        ];
        for (error, answer) in rows {
            assert_eq!(Fault::lookup(error).answer, answer, "{error}");
        }
    }
}
