//! Failures of this server: nothing was sent. They don't count against the receiver.

use super::{Diagnosis, says};

/// `detail` is in lower case.
pub(super) fn diagnose(detail: &str) -> Diagnosis {
    if detail.contains("refused the question") {
        says(
            "This server's name server refuses DNS queries.",
            "Ask an operator to check /etc/resolv.conf and the name server's access list. Sending \
             resumes automatically.",
        )
    } else if detail.contains("name server") || detail.contains("looked up") {
        says(
            "This server's name server doesn't respond.",
            "Ask an operator to check /etc/resolv.conf and the network. Sending resumes \
             automatically.",
        )
    } else if detail.contains("descriptor") {
        says(
            "This server has no file descriptors left.",
            "Ask an operator to raise the limit of open files (LimitNOFILE, ulimit -n). Sending \
             resumes automatically.",
        )
    } else if detail.contains("local port") {
        says(
            "This server has no local ports left for connections.",
            "Ask an operator to find the program that uses them, or to widen \
             net.ipv4.ip_local_port_range. Sending resumes automatically.",
        )
    } else if detail.contains("memory") {
        says(
            "This server has no memory left for connections.",
            "Ask an operator to check its memory usage. Sending resumes automatically.",
        )
    } else if detail.contains("buffer") {
        says(
            "This server has no network buffers left for connections.",
            "Ask an operator to check its number of connections and its memory usage. Sending \
             resumes automatically.",
        )
    } else {
        says(
            "This server can't open connections.",
            "Ask an operator to check the server log. Sending resumes automatically.",
        )
    }
}
