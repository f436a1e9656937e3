//! Recognises I/O errors that mean that this machine has run out of a resource.

use std::io;

use rustix::io::Errno;

/// The resource that this machine has run out of; `None`: the error has another cause.
pub(super) fn exhausted(error: &io::Error) -> Option<&'static str> {
    Some(match Errno::from_io_error(error)? {
        Errno::MFILE => "this process has no file descriptor left (EMFILE)",
        Errno::NFILE => "this machine has no file descriptor left (ENFILE)",
        Errno::NOMEM => "this machine has no memory left for a connection (ENOMEM)",
        Errno::NOBUFS => "this machine has no buffer left for a connection (ENOBUFS)",
        Errno::ADDRNOTAVAIL => "this machine has no local port left (EADDRNOTAVAIL)",
        _ => return None,
    })
}
