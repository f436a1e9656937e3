//! The socket that clients connect to. It limits the kernel's memory for clients that do not read,
//! and how long that is held: connections inherit what is set here.

#[cfg(target_os = "linux")]
use std::time::Duration;
use std::{io, net::SocketAddr};

#[cfg(target_os = "linux")]
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel keeps for us until we take them. A flood fills the queue, and a
/// client that finds it full tries again only after a second.
const BACKLOG: u32 = 4096;
/// Bytes of answers that the kernel keeps for a client. (It counts twice as much, with its own
/// overhead.) Left alone it would keep megabytes.
const SEND_BUFFER: u32 = 128 * 1024;
/// A connection whose client acknowledges nothing of what was sent ends after this long, also when
/// we have closed it.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// Listens at an address.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that starts again must not wait for the last one's connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(
        &socket,
        u32::try_from(UNACKNOWLEDGED.as_millis()).unwrap_or(u32::MAX),
    )?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
